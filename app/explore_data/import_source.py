"""Where a data set comes from: an upload, a path on this machine, or a hub; and what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn

import streamlit as st

from app.explore_data.state import link_to_import
from app.shared.background import render_task
from app.shared.messages import empty_state, show_error
from app.shared.uploads import MAX_FILE_MB, UPLOAD_KEPT_S, Upload, ask_for_files, forget_uploads
from app.shared.visitor import get_visitor, may_name_paths
from fer_core.data.download import is_remote
from fer_core.data.importers.base import IMPORTERS, list_importers
from fer_core.data.source_facts import SourceFacts
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown
from fer_core.jobs.tasks import BackgroundTask, discard_task, find_task, start_task
from fer_core.words import count
from fer_core.workspace import Workspace, expand_home

Origin = Literal["upload", "path", "hub"]
SCAN: Final[str] = "look-into"
_UPLOADER: Final[str] = "import_upload_number"
_PATH: Final[str] = "import_path"
_HUB: Final[str] = "import_hub_id"
_UPLOAD_TYPES: Final = ["zip", "tar", "gz", "tgz", "csv"]
_TITLES: Final[dict[Origin, str]] = {
    "upload": ":material/upload: Upload",
    "path": ":material/folder_open: Path on this machine",
    "hub": ":material/cloud_download: Kaggle or Hugging Face",
}
_AUTO: Final[str] = "auto"


@dataclass(frozen=True, slots=True)
class Found:
    """A source that was looked into."""

    task: BackgroundTask
    """That looked; an upload lies in its folder."""
    facts: SourceFacts

    @property
    def key(self) -> str:
        """Identifies the source."""
        return self.task.name

    @property
    def samples(self) -> dict[str, str]:
        """One small picture of each class name, where one could be read: the file of each."""
        files = {label: self.task.files / f"{number}.png" for number, label in enumerate(self.facts.labels)}
        return {label: str(path) for label, path in files.items() if path.is_file()}


def choose_source(workspace: Workspace) -> Found | None:
    """Let the user say where it comes from; returns what is there, or None."""
    origins: list[Origin] = ["upload", "path", "hub"] if may_name_paths() else ["upload", "hub"]
    origin: Origin = st.segmented_control(
        "From",
        origins,
        format_func=_TITLES.__getitem__,
        default="upload",
        required=True,
        key="import_origin",
        label_visibility="collapsed",
        persist_state="session",
    )
    return {"upload": _from_upload, "path": _from_path, "hub": _from_hub}[origin](workspace)


def _from_upload(workspace: Workspace) -> Found | None:
    number = st.session_state.setdefault(_UPLOADER, 0)
    found = ask_for_files(
        f"A zip or tar of pictures or voices, or fer2013.csv (plain or zipped): up to {MAX_FILE_MB} MB",
        types=_UPLOAD_TYPES,
        key=f"import_upload_{number}",
    )
    if found:
        st.session_state[_UPLOADER] = number + 1  # an empty dialog again: the file lies in the task now
        name = found[0].path.name
        _look(workspace, "upload", name, f"{{inputs}}/{name}", [found[0].path], uploads=found)
    if find_task(workspace, SCAN, _facts("upload")) is None:
        larger = "choose *Path on this machine* above" if may_name_paths() else "`fer import` it there"
        empty_state(
            "Nothing uploaded yet",
            "Class folders (`train/happy/1.png` or `happy/1.png`), a CSV or list with its pictures, "
            "FER2013, or voices (EmoDB, CREMA-D, RAVDESS, TESS, SAVEE, or your own). For what is larger and "
            f"lies on the server's machine, {larger}.",
            icon=":material/upload:",
        )
    return _show(workspace, "upload")


def _from_path(workspace: Workspace) -> Found | None:
    last = find_task(workspace, SCAN, _facts("path"))
    text = st.text_input(
        "Folder, zip, tar or CSV",
        last.facts["source"] if last else "",
        key=_PATH,
        placeholder="/data/fer2013.zip",
        help="A path on the machine that runs the dashboard. Offered because it is this one: the server "
        "listens on localhost only.",
    ).strip()
    if not text:
        empty_state(
            "No path yet",
            "Nothing is copied before you press Import; the source itself is never changed.",
            icon=":material/folder_open:",
        )
        return None
    if last is None or last.facts["source"] != text:
        _look(workspace, "path", text, str(expand_home(text).resolve()))
    return _show(workspace, "path")


def _from_hub(workspace: Workspace) -> Found | None:
    last = find_task(workspace, SCAN, _facts("hub"))
    with st.form("import_hub", border=False):
        name = st.text_input(
            "Data set id",
            last.facts["source"] if last else "",
            key=_HUB,
            placeholder="kaggle:msambare/fer2013 or hf:owner/name",
            help="Downloaded with the hub's own client and your own access (`kaggle.json`, `HF_TOKEN`).",
        ).strip()
        wanted = st.form_submit_button(
            "Download", icon=":material/cloud_download:", disabled=last is not None and last.is_active
        )
    if wanted and is_remote(name):
        _look(workspace, "hub", name, name)
    if wanted:
        show_error(DataError(f"{name!r} names no hub; expected kaggle:owner/name or hf:owner/name"))
        return None
    if last is not None and last.is_active:
        st.caption("The hub's client reports no progress; it keeps what it has downloaded.")
    if last is None:
        empty_state(
            "Nothing downloaded yet",
            "FER2013 is `kaggle:msambare/fer2013` (as pictures) on Kaggle. Read and accept the terms of a "
            "data set on its own page first.",
            icon=":material/cloud_download:",
        )
    return _show(workspace, "hub")


def _facts(origin: Origin) -> dict[str, str]:
    return {"visitor": get_visitor(), "origin": origin}


def _look(
    workspace: Workspace,
    origin: Origin,
    source: str,
    argument: str,
    inputs: Sequence[Path] = (),
    importer: str = _AUTO,
    uploads: Sequence[Upload] = (),
) -> NoReturn:
    """Look into a source in the background, in place of the last one of this origin.

    Args:
        workspace: where it is done.
        origin: where the source comes from.
        source: what the user calls it.
        argument: what `fer import` calls it.
        inputs: the upload.
        importer: what it is to be read as.
        uploads: what is not needed any more then.
    """
    last = find_task(workspace, SCAN, _facts(origin))
    start_task(
        workspace,
        kind=SCAN,
        title="Downloading a data set" if origin == "hub" else "Looking into a source",
        command=["import", argument, "--dry-run", "--samples={files}", f"--importer={importer}"],
        page=link_to_import(),
        facts={**_facts(origin), "source": source, "argument": argument, "importer": importer},
        inputs={path.name: path for path in inputs},
        kept_s=UPLOAD_KEPT_S,
    )
    if last is not None:
        discard_task(workspace, last.name)
    forget_uploads(uploads)
    st.rerun()


def forget_source(workspace: Workspace, origin: str) -> None:
    """Forget what was found in the last source of an origin; an upload is deleted."""
    task = find_task(workspace, SCAN, {"visitor": get_visitor(), "origin": origin})
    if task is not None:
        discard_task(workspace, task.name)


def forget_imported(workspace: Workspace, name: str) -> None:
    """Empty the questions after an import: its source, an upload too, is not needed any more.

    Args:
        workspace: where it was done.
        name: of the task that looked into the source.
    """
    if name and (workspace.tasks / name).is_dir():
        discard_task(workspace, name)
        for key in (_PATH, _HUB):
            st.session_state.pop(key, None)


def _show(workspace: Workspace, origin: Origin) -> Found | None:
    """What was found in the last source of an origin, how far the search is, or why nothing was found."""
    task = render_task(workspace, SCAN, _facts(origin), shows_failure=False)
    if task is None or task.is_active:
        return None
    found = Found(task, task.read_result(SourceFacts)) if task.state == "finished" else None
    with st.container(horizontal=True, vertical_alignment="center"):
        name = f"**{escape_markdown(Path(str(task.facts['source'])).name)}**"
        st.markdown(name if found is None else describe_source(found.facts), width="content")
        st.button(
            "Remove" if origin == "upload" else "Look again",
            icon=":material/delete:" if origin == "upload" else ":material/refresh:",
            key="import_forget",
            help="Deletes the upload from this machine." if origin == "upload" else None,
            on_click=forget_source,
            args=(workspace, origin),
        )
    for note in found.facts.notes if found else ():
        st.caption(f":material/info: {escape_markdown(note)}")
    _choose_importer(workspace, origin, task)
    if task.error:  # an upload's folder would mean nothing to the user
        show_error(DataError(task.error.replace(f"{task.inputs}/", "")))
    return found


def _choose_importer(workspace: Workspace, origin: Origin, task: BackgroundTask) -> None:
    """Let the user say what the source is; it is looked into again then."""
    used = task.facts.get("importer", _AUTO)
    kind = st.selectbox(
        "Read as",
        names := [_AUTO, *list_importers()],
        index=names.index(used) if used in names else 0,
        format_func=lambda name: (
            "what it looks like" if name == _AUTO else f"{name}: {IMPORTERS[name].title}"
        ),
        key=f"import_kind_{task.name}",
        help="Change it if the source was taken for something else.",
    )
    if kind != used:
        inputs = list(task.inputs.glob("*"))
        _look(workspace, origin, task.facts["source"], task.facts["argument"], inputs, str(kind))


def describe_source(facts: SourceFacts) -> str:
    """What was found, as Markdown."""
    name, title = escape_markdown(Path(facts.path).name), escape_markdown(facts.title)
    if not facts.has_pictures:
        return f"**{name}**: {title}"
    text = (
        f"**{name}**: {facts.num_pictures:,} {'sounds' if facts.media == 'sound' else 'pictures'} in {title}"
    )
    left_out = count(facts.num_skipped, "other file is", "other files are")
    return f"{text}; {left_out} left out" if facts.num_skipped else text
