"""What the user can do with a model at once: try it, download it, delete it."""

import streamlit as st

from app.models.state import Key
from app.models.wording import close_model
from app.shared.confirm import confirm_deletion
from app.shared.messages import show_error
from app.shared.navigation import ANALYZE_MEDIA, COMPARE_RUNS, LIVE_WEBCAM, TRAIN, PageSpec
from app.shared.state import SharedKey
from fer_core.checkpoint import CheckpointEntry, choose_default
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts
from fer_core.exchange.model_zip import build_zip, get_short_name, list_files
from fer_core.exchange.removal import delete_model, explain_loss, explain_protection
from fer_core.workspace import Workspace


def render_actions(facts: ModelFacts, workspace: Workspace) -> None:
    """The row of buttons under a model's name."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if facts.entry.info.input.kind == "image":
            _render_try(facts, ANALYZE_MEDIA, "Try it on pictures", kind="primary")
            _render_try(facts, LIVE_WEBCAM, "Try it live")
            if facts.has_weights:
                _render_try(facts, TRAIN, "Adapt to your faces", part="adapt")
        _render_download(facts)
        if st.button("Compare", icon=COMPARE_RUNS.icon, key="models-compare"):
            _leave_to(COMPARE_RUNS, compare_models=facts.name)
        if (
            facts.entry.info.input.kind == "image"
            and not facts.is_default
            and st.button(
                "Use by default",
                icon=":material/star:",
                help="Wherever nobody chooses a model. Choosing another is the way back.",
                key="models-default",
            )
        ):
            choose_default(facts.key, workspace)
            st.session_state[SharedKey.MODEL] = facts.key
            st.rerun()
        reason = explain_protection(facts.entry, workspace)
        if st.button(
            "Delete",
            icon=":material/delete:",
            disabled=bool(reason),
            help=escape_markdown(reason) or "Asks before anything is removed.",
            key="models-delete",
        ):
            _ask_deletion(facts, workspace)


def _render_try(
    facts: ModelFacts, page: PageSpec, label: str, *, kind: str = "secondary", **query: str
) -> None:
    if st.button(
        label,
        icon=page.icon,
        key=f"models-try-{page.file}",
        type="primary" if kind == "primary" else "secondary",
    ):
        st.session_state[SharedKey.MODEL] = facts.key
        _leave_to(page, **query)


def _leave_to(page: PageSpec, **query: str) -> None:
    """Go to a page so that Back returns to this model.

    Streamlit writes the new query behind the old path before it leaves: what stands there stays.
    """
    st.switch_page(page.build(), query_params={**st.query_params.to_dict(), **query})


def _render_download(facts: ModelFacts) -> None:
    # Before the click, since a download that fails in the browser can't say why.
    if damage := _find_damage(facts.entry, _stamp(facts.entry)):
        st.button("Download zip", icon=":material/folder_zip:", disabled=True, key="models-zip")
        show_error(FerError(damage))
        return
    st.download_button(
        "Download zip",
        lambda: build_zip(facts.entry),
        file_name=f"{get_short_name(facts.entry)}.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key="models-zip",
        help="Description, weights, ONNX files, card, and a README that says how to use them.",
    )


def _stamp(entry: CheckpointEntry) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file of the model does."""
    paths = [path for path in sorted(entry.folder.glob("[!.]*")) if path.is_file()]
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)


@st.cache_data(
    max_entries=64, show_spinner=False, hash_funcs={CheckpointEntry: lambda entry: str(entry.folder)}
)
def _find_damage(entry: CheckpointEntry, stamp: tuple[tuple[str, int, int], ...]) -> str:
    """Why the model can't be given away; empty if it can. Reads all weights: once for each state of them."""
    try:
        list_files(entry)
    except FerError as error:
        return str(error)
    return ""


def _ask_deletion(facts: ModelFacts, workspace: Workspace) -> None:
    name = escape_markdown(facts.title)

    def delete() -> None:
        delete_model(facts.entry, workspace)
        st.session_state[Key.MODELS_MESSAGE] = f"{facts.title} was deleted."
        close_model()

    confirm_deletion(
        "model",
        f"**{name}** goes with its weights, ONNX files and card. "
        f"{escape_markdown(explain_loss(facts.entry, workspace))}This can't be undone; **Download zip** "
        "keeps a copy.",
        delete,
    )
