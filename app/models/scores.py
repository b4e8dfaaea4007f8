"""How well a model reads each class: from its stored report, or how to make one."""

import shlex

import streamlit as st

from app.shared.charts import STATIC_CONFIG
from app.shared.evaluation import render_evaluation
from app.shared.messages import empty_state
from app.shared.navigation import MODELS
from app.shared.reports import Conditions
from fer_core.data.store import SCHEMATIC_FACES
from fer_core.errors import ConfigError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.evaluation.figures import describe_figure
from fer_core.evaluation.metrics import list_class_titles, list_titles
from fer_core.evaluation.report import Report
from fer_core.evaluation.stored_reports import DEFAULT_SPLIT
from fer_core.exchange.facts import ModelFacts, find_report
from fer_core.workspace import Workspace


def render_figures(facts: ModelFacts, workspace: Workspace) -> None:
    """Bars by class, confusion matrix, calibration, all figures."""
    report = find_report(facts.entry, workspace)
    if report is None:
        _offer_evaluation(facts, workspace)
        return
    from fer_core.evaluation.charts import build_class_bars, build_reliability
    from fer_core.evaluation.matrix_chart import build_matrix

    st.caption(
        f"{escape_markdown(report.subject.describe())}, n = {report.n:,}. Lines are 95 % intervals: "
        "with few images of a class they are wide."
    )
    titles = list_class_titles()
    kind = st.segmented_control(
        "By class",
        list(titles),
        default="recall",
        required=True,
        format_func=titles.__getitem__,
        key="models-class-figure",
    )
    bars = build_class_bars({facts.title: report}, kind or "recall")
    st.plotly_chart(
        bars,
        config=STATIC_CONFIG,
        key="models-bars",
        alt=f"{titles[kind or 'recall']} of each class",
    )
    matrix, reliability = st.columns(2, gap="large")
    with matrix:
        st.plotly_chart(
            build_matrix(report.confusion, report.classes, title="Which classes it confuses"),
            config=STATIC_CONFIG,
            key="models-matrix",
        )
    with reliability:
        st.plotly_chart(
            build_reliability({facts.title: report}), config=STATIC_CONFIG, key="models-reliability"
        )
        _render_all(report)


def _render_all(report: Report) -> None:
    with st.expander("All figures with 95 % intervals"):
        st.dataframe(
            [
                {"figure": title, "value": describe_figure(name, report.figures[name])}
                for name, title in list_titles().items()
                if name in report.figures
            ],
            hide_index=True,
        )


def _offer_evaluation(facts: ModelFacts, workspace: Workspace) -> None:
    name = str(facts.entry.info.data.get("name") or "")
    command = ["fer", "evaluate", facts.name, "--save"]
    if not facts.has_weights:
        empty_state(
            "Not measured on this machine",
            "This model is an ONNX file alone. `fer benchmark` times it; figures by class need its weights.",
        )
        return
    if not _is_here(name, workspace):
        empty_state(
            "Not measured on this machine",
            f"It was trained on **{escape_markdown(name)}**, which is not here. Import that data set with "
            f"`fer import`, then measure it: {quote_markdown(shlex.join(command))}"
            if name
            else "It does not say what it was trained on. Measure it on a data set of yours: "
            + quote_markdown(shlex.join([*command, "--dataset", "NAME"])),
        )
        return
    empty_state(
        "Not measured yet",
        f"Score it on the validation images of **{escape_markdown(name)}**: figures by class with intervals, "
        f"the confusion matrix and calibration. In a terminal: " + quote_markdown(shlex.join(command)),
        icon=":material/calculate:",
    )
    conditions = Conditions(dataset=name, split=DEFAULT_SPLIT, tta="none")
    page = MODELS.address(model=facts.key, tab="By class")
    render_evaluation([facts.name], conditions, workspace, page)


def _is_here(name: str, workspace: Workspace) -> bool:
    try:
        return bool(name) and (name == SCHEMATIC_FACES or workspace.dataset(name).is_dir())
    except ConfigError:  # a third party's model may name anything
        return False
