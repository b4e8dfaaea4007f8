"""What was decided so far, and saving it as a derived data set."""

from typing import Final

import streamlit as st

from app.explore_data.cleanup_gallery import Review, save_decisions
from app.explore_data.state import link_to
from app.shared.background import render_task
from app.shared.messages import error_boundary, show_error
from fer_core.data.decisions import summarise_decisions
from fer_core.data.store import load_dataset_info
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

_DERIVE: Final[str] = "derive"
_STYLE: Final[str] = (
    "<style>.st-key-cleanup-save {position: sticky; bottom: 0; z-index: 10; padding: .5rem .75rem;"
    " border: 1px solid rgba(128,128,128,.35); border-radius: .5rem; backdrop-filter: blur(12px);"
    " background: color-mix(in srgb, Canvas 82%, transparent);}"
    "[data-testid=stLayoutWrapper]:has(> .st-key-cleanup-save)"
    " {position: sticky; bottom: .5rem; z-index: 10;}"
    "</style>"
)
"""Always in sight, however long the gallery."""


def render_save(review: Review) -> None:
    """Sum the decisions up, offer to save them as a data set, and link to what was saved."""
    render_task(
        review.workspace,
        _DERIVE,
        {"parent": review.audited.dataset.name},
        on_result=lambda task: _show_saved(review.workspace, task),
    )
    st.html(_STYLE)
    with st.container(key="cleanup-save", horizontal=True, vertical_alignment="center"):
        count = len(review.decisions)
        told = summarise_decisions(review.decisions) if count else "Nothing decided yet"
        st.markdown(escape_markdown(told), width="stretch")
        label = f"{count:,} decided: save" if count else "Save a derived set"
        with st.popover(label, icon=":material/save:", type="primary" if count else "secondary"):
            _render_form(review)
        with st.popover("Forget all", disabled=not count, icon=":material/delete:"):
            st.markdown(f"Forget all {count:,} decisions on this data set?")
            st.button(
                "Forget them",
                key="audit_forget",
                on_click=save_decisions,
                args=(review, dict.fromkeys(review.decisions)),
            )


def _render_form(review: Review) -> None:
    """Name and options of the derived data set."""
    dataset = review.audited.dataset
    left, right = st.columns([1, 2])
    name = left.text_input("Name", f"{dataset.name}-clean", key=f"audit_name_{review.audited.key}")
    note = right.text_input("Why", key="audit_note", placeholder="In your own words; kept in the history")
    changes = _choose_changes(review)
    wanted = st.button(
        "Save as a derived data set",
        type="primary",
        icon=":material/save:",
        key="audit_save",
        disabled=changes is None or not (review.decisions or changes),
        help=None if review.decisions or changes else "Decide on an image or change something first.",
    )
    st.caption("The data set itself stays as it is.")
    if wanted and changes is not None:
        with error_boundary():
            _save(review, name.strip(), note, changes)


def _choose_changes(review: Review) -> list[str] | None:
    """Further options of the derivation; None, with a message, if it can't be made."""
    info = review.audited.dataset.info
    changes: list[str] = []
    with st.expander("Also change classes, balance or splits"):
        classes = st.multiselect(
            "Classes to keep",
            info.classes,
            default=list(info.classes),
            key=f"audit_classes_{review.audited.key}",
            help="Images of other classes are removed. Where votes are known, votes for other classes are "
            "ignored.",
        )
        if not classes:
            show_error(DataError("no class is left; keep two or more"))
            return None
        if len(classes) < len(info.classes):
            changes += ["--classes", *classes]
        if st.toggle(
            "As many training images of every class as of the rarest",
            key="audit_balance",
            help="By the class with over half of the votes once single votes are dropped, where votes are "
            "known; training images without such a class are left out.",
        ):
            changes.append("--balance")
        if st.toggle("Split again into train, valid and test", key="audit_resplit"):
            left, middle, right = st.columns(3)
            valid = left.number_input("Share of valid", 0.0, 0.9, 0.1, 0.05, key="audit_valid")
            test = middle.number_input("Share of test", 0.0, 0.9, 0.1, 0.05, key="audit_test")
            seed = int(right.number_input("Seed", 0, key="audit_seed"))
            changes += ["--resplit", str(valid), str(test), f"--seed={seed}"]
    return changes


def _save(review: Review, name: str, note: str, changes: list[str]) -> None:
    """Start `fer datasets derive`; what is wrong with the name is said at once."""
    dataset, target = review.audited.dataset, review.workspace.dataset(name)
    if target.exists():
        show_error(DataError(f"data set {name!r} exists already; choose another name"))
        return
    start_task(
        review.workspace,
        kind=_DERIVE,
        title=f"Deriving {name} from {dataset.name}",
        command=["datasets", "derive", dataset.name, name, "--decisions", f"--reason={note}", *changes],
        page=link_to(dataset.name, "Clean up"),
        facts={"parent": dataset.name},
    )
    st.rerun()


def _show_saved(workspace: Workspace, task: BackgroundTask) -> None:
    name, parent = str((task.result() or {}).get("dataset")), task.facts["parent"]
    if not workspace.dataset(name).exists():
        return
    info = load_dataset_info(workspace.dataset(name))
    counts = ", ".join(f"{escape_markdown(split)} {count:,}" for split, count in info.split_counts.items())
    st.success(
        f"**{escape_markdown(info.name)}** has {count_words(info.num_images, 'image')} ({counts}) and "
        f"remembers that it comes from {escape_markdown(str(parent))}. [Look at it](/{link_to(info.name)})",
        icon=":material/check:",
    )
