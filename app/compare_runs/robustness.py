"""What the compared models keep of their accuracy when pictures are blurred, dark, covered or badly cut."""

from typing import Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.charts import STATIC_CONFIG
from app.shared.evaluation import ROBUSTNESS, render_scoring, start_scoring
from app.shared.messages import describe_error, empty_state
from app.shared.navigation import COMPARE_RUNS
from app.shared.reports import Conditions, find_key, list_models
from fer_core.errors import RunError
from fer_core.escaping import escape_markdown
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.robustness_chart import build_robustness_chart
from fer_core.evaluation.robustness_report import RobustnessReport, compute_mean_accuracy, load_robustness
from fer_core.evaluation.stored_reports import locate_report
from fer_core.workspace import Workspace

_NUM_FACES: Final[dict[int, str]] = {500: "500", 1000: "1,000", 0: "all"}


def render_robustness(comparison: Comparison, workspace: Workspace) -> None:
    """The stored measurements, and a way to make those that are missing."""
    subject = comparison.evaluations[0].report.subject
    # Measured without test-time augmentation, which would double 34 passes.
    conditions = Conditions(subject.dataset, subject.split, "none")
    reports, missing = _load(comparison, conditions, workspace)
    if reports:
        _render_reports(reports)
    if render_scoring(ROBUSTNESS, missing, conditions, workspace) or not missing:
        return
    if not reports:
        empty_state(
            "Not measured yet",
            "Webcam images are often blurred, dark, occluded or poorly cropped; data sets are not. Measure "
            "how accurate these models stay on the same faces with 11 corruptions at three severities.",
            icon=":material/blur_on:",
        )
    _offer(missing, conditions, workspace)


def _load(
    comparison: Comparison, conditions: Conditions, workspace: Workspace
) -> tuple[dict[str, RobustnessReport], list[str]]:
    entries = list_models(workspace)
    reports, missing = {}, []
    for item in comparison.evaluations:
        entry = entries[find_key(item.key, workspace)]
        folder = locate_report(entry, workspace, dataset=conditions.dataset, split=conditions.split)
        try:
            report = load_robustness(folder, item.key, weights_sha256=entry.info.weights_sha256)
        except RunError as error:
            st.warning(describe_error(error), icon=":material/assignment_late:")
            report = None
        if report is not None and report.data_fingerprint == item.report.subject.data_fingerprint:
            reports[item.key] = report
        else:
            missing.append(item.key)
    return reports, missing


def _render_reports(reports: dict[str, RobustnessReport]) -> None:
    st.plotly_chart(
        build_robustness_chart(reports),
        config=STATIC_CONFIG,
        key="compare-robustness-chart",
        alt="Accuracy of each model on images with 11 corruptions",
    )
    st.markdown(
        "\n".join(
            f"- **{escape_markdown(key)}**: {100 * report.clean.accuracy:.1f} % accuracy on clean images, "
            f"{100 * compute_mean_accuracy(report.rows):.1f} % on average over all corruptions "
            f"({escape_markdown(report.describe())} faces)"
            for key, report in reports.items()
        )
    )
    st.caption("Dotted: accuracy on clean images. Point at a mark for the corruption's severity.")


def _offer(missing: list[str], conditions: Conditions, workspace: Workspace) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        count = st.segmented_control(
            "Faces",
            list(_NUM_FACES),
            default=500,
            required=True,
            format_func=_NUM_FACES.__getitem__,
            key=Key.COMPARE_NUM_FACES,
            help="Spread evenly over the split. 34 passes over 500 faces take a small model about a minute.",
        )
        names = escape_markdown(", ".join(missing))
        if st.button(
            f"Measure {len(missing)} models" if len(missing) > 1 else "Measure it",
            type="primary",
            icon=":material/blur_on:",
            key="compare-measure-robustness",
            help=f"{names}: in the background, stored with the report, like `fer robustness --save`.",
        ):
            options = [
                f"--dataset={conditions.dataset}",
                f"--split={conditions.split}",
                f"--num-faces={500 if count is None else count}",
            ]
            page = COMPARE_RUNS.address_here()
            keys = [find_key(name, workspace) for name in missing]
            start_scoring(ROBUSTNESS, keys, conditions, workspace, page, options)
