"""Where a data set comes from: an upload, a path on this machine, or a hub; and what is in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import streamlit as st

from app.explore_data.import_job import Job, UploadedFile, keep_upload
from app.shared.messages import empty_state, escape_markdown, show_error
from fer_core.data.download import fetch_source, is_remote
from fer_core.data.importing import Source, inspect_source
from fer_core.errors import DataError, FerError
from fer_core.types import UInt8Array
from fer_core.workspace import expand_home

Origin = Literal["upload", "path", "hub"]
MAX_UPLOAD_MB: Final[int] = 500
SOURCE: Final[str] = "import_source_state"
DOWNLOAD: Final[str] = "import_download"
_UPLOAD_TYPES: Final = ["zip", "tar", "gz", "tgz", "csv"]
_TITLES: Final[dict[Origin, str]] = {
    "upload": ":material/upload: Upload",
    "path": ":material/folder_open: Path on this machine",
    "hub": ":material/cloud_download: Kaggle or Hugging Face",
}
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_SAMPLE_PX: Final[int] = 56
_MAX_SAMPLES: Final[int] = 40


@dataclass(slots=True)
class Found:
    """A source that was looked at."""

    key: str
    """Identifies it: an upload's id or a path."""
    source: Source
    samples: dict[str, UInt8Array] = field(default_factory=dict)
    """One picture of each class name, small."""
    upload: UploadedFile | None = None
    """Keeps the temporary file alive."""


def choose_source() -> Found | None:
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
    )
    found = {"upload": _from_upload, "path": _from_path, "hub": _from_hub}[origin]()
    if found is None:
        st.session_state.pop(SOURCE, None)
    return found


def may_name_paths() -> bool:
    """Whether the user sits at this machine: only then a path of it may be named.

    The server must listen on this machine alone, and the request must not have come through a proxy.
    """
    address = st.get_option("server.address")
    host = (st.context.url or "http://localhost").split("//", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    came_far = any(st.context.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    return address in _LOCAL and host.strip("[]") in _LOCAL and not came_far


def _from_upload() -> Found | None:
    upload = st.file_uploader(
        f"A zip or tar of pictures, or fer2013.csv (plain or zipped): up to {MAX_UPLOAD_MB} MB",
        type=_UPLOAD_TYPES,
        max_upload_size=MAX_UPLOAD_MB,
        key="import_upload",
    )
    if upload is None:
        larger = "choose *Path on this machine* above" if may_name_paths() else "use its command line"
        empty_state(
            "Nothing uploaded yet",
            "Class folders (`train/happy/1.png` or `happy/1.png`), a CSV or list with its pictures, or "
            f"FER2013. For what is larger and lies on the server's machine, {larger}: `fer import SOURCE`.",
            icon=":material/upload:",
        )
        return None
    known = _known(upload.file_id)
    if known is not None:
        return known
    kept = keep_upload(upload.name, upload.getbuffer())
    found = _look(upload.file_id, kept.path)
    if found is not None:
        found.upload = kept
    return found


def _from_path() -> Found | None:
    text = st.text_input(
        "Folder, zip, tar or CSV",
        key="import_path",
        placeholder="/data/fer2013.zip",
        help="A path on the machine that runs the dashboard. Offered because it is this one: the server "
        "listens on localhost only.",
    )
    if not text.strip():
        empty_state(
            "No path yet",
            "Nothing is copied before you press Import; the source itself is never changed.",
            icon=":material/folder_open:",
        )
        return None
    path = expand_home(text.strip())
    return _known(str(path)) or _look(str(path), path)


def _from_hub() -> Found | None:
    job: Job[Path] | None = st.session_state.get(DOWNLOAD)
    with st.form("import_hub", border=False):
        text = st.text_input(
            "Data set id",
            key="import_hub_id",
            placeholder="kaggle:msambare/fer2013 or hf:owner/name",
            help="Downloaded with the hub's own client and your own access (`kaggle.json`, `HF_TOKEN`).",
        )
        wanted = st.form_submit_button(
            "Download", icon=":material/cloud_download:", disabled=job is not None and job.is_running
        )
    if wanted:
        name = text.strip()
        if not is_remote(name):
            show_error(DataError(f"{name!r} names no hub; expected kaggle:owner/name or hf:owner/name"))
            return None
        st.session_state[DOWNLOAD] = job = Job(
            lambda _report: fetch_source(name), title=f"Downloading {name}"
        )
    if job is None:
        empty_state(
            "Nothing downloaded yet",
            "FER2013 is `kaggle:msambare/fer2013` (as pictures) on Kaggle. Read and accept the terms of a "
            "data set on its own page first.",
            icon=":material/cloud_download:",
        )
        return None
    if job.is_running:
        return None  # the view shows its progress
    if job.error is not None:
        show_error(job.error)
        return None
    assert job.result is not None
    return _known(str(job.result)) or _look(str(job.result), job.result)


def _known(key: str) -> Found | None:
    found: Found | None = st.session_state.get(SOURCE)
    return found if found is not None and found.key == key else None


def _look(key: str, path: Path) -> Found | None:
    """Look into a source and keep what was found for the next reruns; shows why it can't be imported."""
    st.session_state.pop(SOURCE, None)
    try:
        with st.spinner("Looking into it…"):
            source = inspect_source(path)
            found = Found(key, source, _load_samples(source))
    except FerError as error:
        show_error(error if key == str(path) else hide_folder(error, path))
        return None
    st.session_state[SOURCE] = found
    return found


def hide_folder(error: FerError, path: Path) -> FerError:
    """The same error without the temporary folder of an upload, which would mean nothing to the user."""
    return type(error)(str(error).replace(str(path), path.name))


def _load_samples(source: Source) -> dict[str, UInt8Array]:
    """One small picture of each class name; those that can't be read are left to the import to list."""
    import cv2
    import numpy as np

    from fer_core.data.tree import open_tree
    from fer_core.images import load_image

    if source.scan is None:
        return {}
    first: dict[str, str] = {}
    for item in source.scan.items:
        first.setdefault(item.label, item.path)
    samples = {}
    with open_tree(source.path) as tree:
        pictures = source.scan.open_pictures(tree)
        for label, path in list(first.items())[:_MAX_SAMPLES]:
            try:
                image = load_image(pictures.read(path))
            except FerError:
                continue
            scale = _SAMPLE_PX * 2 / max(image.shape[:2])
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            samples[label] = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return samples


def describe_source(source: Source) -> str:
    """What was found, as Markdown."""
    name, title = escape_markdown(source.path.name), escape_markdown(source.title)
    if source.scan is None:
        return f"**{name}**: {title}"
    scan = source.scan
    text = f"**{name}**: {len(scan.items):,} pictures in {title}"
    return text + (f"; {len(scan.skipped):,} other files are left out" if scan.skipped else "")
