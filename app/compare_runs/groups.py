"""How well each group of images is read: by agreement, or by any column of the data set."""

from pathlib import Path
from typing import Final

import streamlit as st

from app.compare_runs.state import Key
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state
from app.shared.reports import Stamp
from app.shared.samples import IMAGES, find_kind
from fer_core.escaping import escape_markdown
from fer_core.evaluation.charts import build_group_bars
from fer_core.evaluation.comparison import Comparison
from fer_core.evaluation.group_table import (
    build_group_table,
    compute_all_groups,
    find_scored_dataset,
    list_groupings,
)
from fer_core.evaluation.groups import AGREEMENT, GROUP_FIGURES, SMALL_GROUP, GroupReport
from fer_core.evaluation.metrics import METRICS
from fer_core.workspace import Workspace

_TITLES: Final[dict[str, str]] = {
    AGREEMENT: "how many annotators agree",
    "label": "label in the source",
    "source": "source",
    "group": "person",
}


def render_groups(comparison: Comparison, workspace: Workspace) -> None:
    """Choose a grouping and see every group's figures with intervals, what differs, and what is too small."""
    first = comparison.evaluations[0]
    dataset = find_scored_dataset(first.report.subject, workspace)
    columns = list_groupings(first, dataset)
    if not columns:
        _explain_nothing(first.report.subject.dataset, is_here=dataset is not None)
        return
    by, figure_name = _choose(columns, IMAGES[find_kind(first.report.subject.dataset, workspace)])
    stamps = tuple((item.key, item.report.predictions_sha256) for item in comparison.evaluations)
    reports = _load(by, stamps, str(workspace.root), comparison)
    bars = {item.key: {group.name: group.figures[figure_name] for group in item.groups} for item in reports}
    title = f"{METRICS[figure_name].title} by {_TITLES.get(by, by)}"
    st.plotly_chart(
        build_group_bars(bars, figure_name, title=title, small_below=SMALL_GROUP),
        config=STATIC_CONFIG,
        key="compare-groups",
        alt=title,
    )
    if warning := reports[0].describe_small():
        st.warning(escape_markdown(warning), icon=":material/group_off:")
    st.markdown("\n".join(f"- {escape_markdown(item.describe())}" for item in reports))
    st.caption(
        "Every expression has the same weight in *balanced accuracy* and *macro-F1*, over the classes that "
        "occur in a group: look at them where groups show other expressions. p: a permutation test of equal "
        "accuracy."
    )
    with st.expander("All figures of all groups"):
        st.dataframe(build_group_table(reports), hide_index=True)


def _choose(columns: list[str], what: str) -> tuple[str, str]:
    if st.session_state.get(Key.COMPARE_GROUPING) not in (None, *columns):
        del st.session_state[Key.COMPARE_GROUPING]  # chosen for another data set
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by: str = st.selectbox(
            f"Group the {what} by",
            columns,
            format_func=lambda name: _TITLES.get(name, name),
            key=Key.COMPARE_GROUPING,
            width=300,
            help="Columns of the data set with 2 to 30 values. Further columns of an "
            f"imported list (age group, camera, glasses …) are kept with the {what}.",
        )
        figure_name = st.segmented_control(
            "Figure",
            list(GROUP_FIGURES),
            default=GROUP_FIGURES[0],
            required=True,
            format_func=lambda name: METRICS[name].title,
            key=Key.COMPARE_GROUP_FIGURE,
        )
    return by, figure_name or GROUP_FIGURES[0]


def _explain_nothing(name: str, *, is_here: bool) -> None:
    empty_state(
        "Nothing to group by",
        f"The images of **{escape_markdown(name)}** have no column to group by. Import a CSV list with "
        "further columns, such as an age group or a camera: they are kept with the images."
        if is_here
        else f"Data set **{escape_markdown(name)}** is not on this machine, or was changed since; import it "
        "on the **Explore data** page, and evaluate the models again.",
        icon=":material/groups:",
    )


@st.cache_resource(max_entries=16, show_spinner="Scoring every group…")
def _load(column: str, stamps: tuple[Stamp, ...], root: str, _comparison: Comparison) -> list[GroupReport]:
    return compute_all_groups(_comparison.evaluations, column, Workspace(Path(root)))
