"""What is known about models without a report here: their published figures, and how to get a report."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from app.shared.navigation import EXPLORE_DATA
from app.shared.reports import Conditions, list_names
from app.shared.run_format import describe_percent
from fer_core.checkpoint import CheckpointEntry
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.escaping import escape_markdown
from fer_core.evaluation.metrics import METRICS
from fer_core.workspace import Workspace

_NO_FIGURES: Final[Mapping[str, Any]] = {}


def find_published(entry: CheckpointEntry, conditions: Conditions) -> Mapping[str, Any]:
    """What model.json says it reached under these conditions: figures by key of `METRICS`, protocol and n."""
    if conditions.tta != "none":
        return _NO_FIGURES
    for item in entry.info.metrics:
        if (item.get("dataset"), item.get("split")) == (conditions.dataset, conditions.split):
            return {
                name: value
                for name, value in item.items()
                if (name in METRICS and isinstance(value, float)) or name in ("protocol", "n")
            }
    return _NO_FIGURES


def describe_published(entry: CheckpointEntry, figures: Mapping[str, Any], workspace: Workspace) -> str:
    """Who says so, by which protocol, on how many images."""
    says = "published" if entry.folder.parent == workspace.checkpoints else "stated"
    num_images = figures.get("n")
    count = f", n = {num_images:,}" if isinstance(num_images, int) else ""
    return f"{says}: {figures.get('protocol', '')}{count}"


def render_published(
    absent: Mapping[str, CheckpointEntry], conditions: Conditions, workspace: Workspace
) -> bool:
    """Say what models without a report reached elsewhere, and how to compare them face by face.

    Args:
        absent: models without a report.
        conditions: under which they are compared.
        workspace: where data sets are.

    Returns:
        Whether the data set is here, so that models can be scored on it.
    """
    name, names = escape_markdown(conditions.dataset), list_names(workspace)
    is_here = conditions.dataset in {SCHEMATIC_FACES, *(info.name for info in list_datasets(workspace))}
    known = {key: figures for key, entry in absent.items() if (figures := find_published(entry, conditions))}
    with st.container(horizontal=True, gap="small"):
        for key, figures in known.items():
            st.metric(
                escape_markdown(names.get(key, key)),
                describe_percent(figures.get("accuracy")),
                delta=escape_markdown(describe_published(absent[key], figures, workspace)),
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=300,
            )
    if is_here and absent:
        who = ", ".join(f"**{escape_markdown(names.get(key, key))}**" for key in absent)
        st.info(
            f"No report on {escape_markdown(conditions.describe())} yet: {who}.",
            icon=":material/assignment_late:",
        )
    elif not is_here:
        st.info(
            f"Import **{name}** to compare face by face: published figures can't tell whether a difference "
            "is real, or where each model errs.",
            icon=":material/download:",
        )
        st.page_link(EXPLORE_DATA.build(), label=f"Import {name}", icon=EXPLORE_DATA.icon)
    return is_here
