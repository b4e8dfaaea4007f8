"""The compared models on data of other sources: right, and as sure as they should be?"""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.background import render_task
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state
from app.shared.navigation import COMPARE_RUNS
from app.shared.reports import find_key, list_models
from fer_core.data.store import list_datasets
from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import build_reliability_curves
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.metrics import METRICS
from fer_core.evaluation.risk_chart import build_risk_coverage
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.workspace import Workspace

_KIND: Final[str] = "crosscheck"
_FACES: Final[dict[str, str]] = {"stored": "as they are", "cut": "found and cut again"}


def render_sources(comparison: Comparison, workspace: Workspace) -> None:
    """The newest result for these models, and a way to measure them on chosen data sets."""
    names = {find_key(item.key, workspace): item.key for item in comparison.evaluations}
    models = list(names)
    task = render_task(workspace, _KIND, {"models": models}, shows_failure=False)
    is_active = task is not None and task.is_active
    if task is not None and not is_active:
        _render_result(task, names)
    sources = [info.name for info in list_datasets(workspace)]
    if not sources:
        empty_state(
            "No data set here",
            "Import data of other sources on **Explore data**: other photographers, other people, other "
            "annotators.",
        )
        return
    if any(name not in sources for name in st.session_state.get(Key.COMPARE_SOURCES, ())):
        del st.session_state[Key.COMPARE_SOURCES]  # a data set that is gone
    names_shown = ", ".join(f"**{escape_markdown(name)}**" for name in names.values())
    st.caption(f"Measures {names_shown}: of the models chosen above those with a report.")
    # While it measures, the questions stay on the page, or Streamlit would forget the answers.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.multiselect(
            "Sources",
            sources,
            key=Key.COMPARE_SOURCES,
            placeholder="Choose data sets",
            help="All images of each; of a data set that a model was trained on, only the validation split. "
            "Each is scored over the classes that it and the model both have.",
        )
        faces = st.segmented_control(
            "Faces",
            list(_FACES),
            default="stored",
            required=True,
            format_func=_FACES.__getitem__,
            key=Key.COMPARE_FACES,
            help="Data sets usually hold faces that are cut already. Cut again: the detector finds the "
            "largest face on each image, as on a photograph.",
        )
        if st.button(
            "Measure on these sources",
            icon=":material/travel_explore:",
            type="primary",
            disabled=not chosen or is_active,
            key="compare-crosscheck",
        ):
            entries = list_models(workspace)
            says_shares = all(entries[key].info.class_prior is not None for key in models)
            is_general = any(entries[key].info.general is not None for key in models)
            priors = [*(["general"] if is_general else []), "training", *(["uniform"] if says_shares else [])]
            start_task(
                workspace,
                kind=_KIND,
                title=f"{', '.join(models)} on {', '.join(chosen)}",
                command=[
                    _KIND,
                    *models,
                    "--datasets",
                    *chosen,
                    "--faces",
                    faces or "stored",
                    "--priors",
                    *priors,
                ],
                page=COMPARE_RUNS.address_here(),
                facts={"models": models, "datasets": chosen, "faces": faces},
            )
            st.rerun()


def _render_result(task: BackgroundTask, called: Mapping[str, str]) -> None:
    result = task.result() or {"failures": {task.title: task.error} if task.error else {}}
    for title, reason in result.get("failures", {}).items():
        st.error(f"**{escape_markdown(title)}**: {escape_markdown(reason)}", icon=":material/error:")
    rows: list[dict[str, Any]] = [
        row | {"model": called.get(row["model"], row["model"])} for row in result.get("rows", [])
    ]
    if not rows:
        return
    figures = [name for name in rows[0] if name in METRICS]
    facts = ("model", "source", "prior", "n", "classes")
    st.dataframe(
        [
            {name: row[name] for name in facts} | {METRICS[name].title: row[name] for name in figures}
            for row in rows
        ],
        column_config={"prior": "expected shares"}
        | {
            METRICS[name].title: st.column_config.NumberColumn(METRICS[name].title, format="%.3f")
            for name in figures
        },
        hide_index=True,
    )
    protocols: dict[str, dict[str, None]] = {}
    for row in rows:
        protocols.setdefault(row["protocol"], {})[f"{row['model']} on {row['source']}"] = None
    st.caption(
        "\n".join(
            f"- {escape_markdown(', '.join(names))}: {escape_markdown(protocol)}"
            for protocol, names in protocols.items()
        )
    )
    for prior in dict.fromkeys(row["prior"] for row in rows):
        curves = {
            f"{row['model']} on {row['source']}": bins
            for row, bins in zip(rows, result["reliability"], strict=True)
            if row["prior"] == prior
        }
        st.plotly_chart(
            build_reliability_curves(curves, f"Calibration, expecting {prior} shares"),
            config=STATIC_CONFIG,
            key=f"compare-sources-{prior}",
            alt=f"Confidence against accuracy by source, expecting {prior} shares of the classes",
        )
        risks = {
            f"{row['model']} on {row['source']}": both
            for row, both in zip(rows, result.get("risks", []), strict=False)  # older results have none
            if row["prior"] == prior
        }
        if risks:
            st.plotly_chart(
                build_risk_coverage(risks, f"Only the surest faces, expecting {prior} shares"),
                config=STATIC_CONFIG,
                key=f"compare-risk-{prior}",
                alt=f"Accuracy of the surest faces against their share, expecting {prior} shares",
            )
    st.caption(
        "Rows of other sources or classes are not comparable with each other. Expecting *training* shares: "
        "as often as in the model's training data; *uniform*: all classes equally often. Below the dotted "
        "line a model is overconfident."
    )
