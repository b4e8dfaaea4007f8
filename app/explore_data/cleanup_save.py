"""What was decided so far, and saving it as a derived data set."""

from typing import Final

import streamlit as st

from app.explore_data.cleanup_gallery import Desk, act
from app.shared.messages import escape_markdown, show_error
from fer_core.data.decisions import build_derivation, summarise_decisions
from fer_core.data.derive import derive_dataset
from fer_core.data.splits import SplitPlan
from fer_core.data.store import DatasetInfo
from fer_core.errors import DataError, FerError

_SAVED: Final[str] = "audit_saved"


def render_save(desk: Desk) -> None:
    """Sum the decisions up, offer to save them as a data set, and link to what was saved."""
    dataset = desk.audited.dataset
    with st.container(border=True):
        st.markdown("##### :material/save: Save as a derived data set")
        st.markdown(escape_markdown(summarise_decisions(desk.decisions)))
        left, right = st.columns([1, 2])
        name = left.text_input("Name", f"{dataset.name}-clean", key=f"audit_name_{desk.audited.key}")
        note = right.text_input(
            "Why", key="audit_note", placeholder="In your own words; it is kept in the history"
        )
        changes = _choose_changes(desk)
        with st.container(horizontal=True):
            wanted = st.button(
                "Save as a derived data set",
                type="primary",
                icon=":material/save:",
                key="audit_save",
                disabled=not desk.decisions and not changes,
                help=None if desk.decisions or changes else "Decide on an image first, or change something.",
            )
            with st.popover("Forget all decisions", disabled=not desk.decisions, icon=":material/delete:"):
                st.markdown(f"Forget all {len(desk.decisions):,} decisions on this data set?")
                st.button(
                    "Forget them",
                    key="audit_forget",
                    on_click=act,
                    args=(desk, dict.fromkeys(desk.decisions)),
                )
        if wanted:
            _save(desk, name.strip(), note, changes)
        _show_saved()


def _choose_changes(desk: Desk) -> dict[str, object]:
    """Further fields of the derivation that the user asks for."""
    info = desk.audited.dataset.info
    changes: dict[str, object] = {}
    with st.expander("Also change classes, balance or splits"):
        classes = st.multiselect(
            "Classes to keep",
            info.classes,
            default=list(info.classes),
            key=f"audit_classes_{desk.audited.key}",
            help="Images of the others go. Where votes are known, those for other classes count no longer.",
        )
        if len(classes) < len(info.classes):
            changes["classes"] = tuple(classes)
        if st.toggle(
            "As many training images of every class as of the rarest",
            key="audit_balance",
            help="Where votes are known, by their majority; training images without one are left out.",
        ):
            changes["balance"] = True
        if st.toggle("Divide anew into train, valid and test", key="audit_resplit"):
            left, middle, right = st.columns(3)
            plan = {
                "valid": left.number_input("Share of valid", 0.0, 0.9, 0.1, 0.05, key="audit_valid"),
                "test": middle.number_input("Share of test", 0.0, 0.9, 0.1, 0.05, key="audit_test"),
                "seed": int(right.number_input("Seed", 0, key="audit_seed")),
            }
            changes["split"] = plan
    return changes


def _save(desk: Desk, name: str, note: str, changes: dict[str, object]) -> None:
    dataset = desk.audited.dataset
    bar = st.progress(0.0, "Writing…")

    def show(done: int, total: int) -> None:
        bar.progress(done / total, "Writing…")

    try:
        if changes.get("classes") == ():
            raise DataError("no class is left; keep two or more")
        plan = changes.pop("split", None)
        if isinstance(plan, dict):
            changes |= {"split": SplitPlan(**plan), "seed": plan["seed"]}
        info = derive_dataset(
            dataset,
            desk.workspace.dataset(name),
            build_derivation(desk.decisions, reason=note, **changes),
            on_progress=show,
        )
    except FerError as error:
        show_error(error)
    else:
        st.session_state[_SAVED] = (info, dataset.name)
    finally:
        bar.empty()


def _show_saved() -> None:
    saved: tuple[DatasetInfo, str] | None = st.session_state.get(_SAVED)
    if saved is None:
        return
    info, parent = saved
    counts = ", ".join(f"{split} {count:,}" for split, count in info.split_counts.items())
    st.success(
        f"**{info.name}** has {info.num_images:,} images ({counts}) and remembers that it comes from "
        f"{parent}. [Look at it](/explore_data?dataset={info.name})",
        icon=":material/check:",
    )
