"""Importing a model that somebody else made."""

from typing import Final

import streamlit as st

from app.models.state import Key
from app.models.wording import open_model
from app.shared.messages import show_error
from app.shared.uploads import Upload, ask_for_files, forget_uploads
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown
from fer_core.exchange.model_import import ImportedModel, import_model
from fer_core.workspace import Workspace

_TYPES: Final[list[str]] = ["zip", "json", "safetensors", "onnx", "data", "md"]
_HELP: Final[str] = (
    "Take the **zip** that somebody's Models page or `fer models zip` made; or **model.json** and its "
    "**.safetensors** together; or one **.onnx** that `fer export` wrote, which describes itself.\n\n"
    "Everything is checked before anything is kept: checksum, description, and that the weights are those of "
    "the architecture. Pickled files (.pt, .pth, .bin) can run code when opened, so they are not read. "
    "Other people's plain ONNX files say neither their classes nor how a face must be prepared, and guessing "
    "either gives wrong labels, so they are refused."
)


def render_import(workspace: Workspace) -> None:
    """Show the import form in an expander; an imported model is opened."""
    with st.expander("Import a model", icon=":material/upload:"):
        st.markdown(_HELP)
        number = st.session_state.setdefault(Key.MODELS_UPLOAD, 0)
        uploads = ask_for_files(
            "Files of one model", types=_TYPES, multiple=True, key=f"models-upload-{number}"
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(
                "Name", placeholder="the model's own name", key="models-import-name", max_chars=100
            ).strip()
            wanted = st.button(
                "Check and import",
                type="primary",
                icon=":material/verified_user:",
                disabled=not uploads,
                key="models-import",
            )
        st.caption("Larger than 500 MB? `fer models import FILE` takes it in a terminal.")
        if wanted:
            _import(uploads, name, workspace)


def _import(uploads: list[Upload], name: str, workspace: Workspace) -> None:
    done: ImportedModel | None = None
    with st.status("Checking the model…", expanded=True) as status:
        try:
            done = import_model(
                [upload.path for upload in uploads],
                workspace,
                name=name,
                on_step=lambda text: status.update(label=f"{escape_markdown(text)}…"),
            )
        except FerError as error:
            status.update(label="Not imported", state="error")
            show_error(error)
    if done is None:
        return
    left = f" Left out: {', '.join(done.ignored)}." if done.ignored else ""
    if done.left_out:
        left += f" Left out {', '.join(done.left_out)}: {done.explain_left_out()}."
    st.session_state[Key.MODELS_MESSAGE] = f"{done.entry.key} is imported.{left}"
    forget_uploads(uploads)
    st.session_state[Key.MODELS_UPLOAD] += 1  # an empty dialog again
    open_model(done.entry.key)
    st.rerun()
