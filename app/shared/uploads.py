"""Files that come from a browser: on the disk from the moment they arrive, and gone with their session.

Streamlit keeps every byte of an upload in memory until the session has ended, some minutes after its tab was
closed. Its manager of uploads is therefore replaced by one that keeps files in the workspace.
"""

import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileManager, UploadedFileRec

from app.shared.messages import show_error
from app.shared.session_end import at_session_end
from fer_core.errors import MediaError, StorageError
from fer_core.io import storage_errors
from fer_core.scratch import make_scratch_folder, remove_leftovers
from fer_core.workspace import Workspace

UPLOAD_KEPT_S: Final[float] = 24 * 3600.0
"""How long an upload stays in the folder of its background task after that ended, in seconds."""
MAX_FILE_MB: Final[int] = 500
"""Of one upload; the server's own limit (.streamlit/config.toml)."""
MAX_FILES: Final[int] = 100
MAX_SESSION_MB: Final[int] = 2_500
"""Of all uploads that one session holds."""
MAX_SERVER_MB: Final[int] = 10_000
"""Of all sessions together."""
_MAX_REFUSED: Final[int] = 1_000
_MB: Final[int] = 1024**2
_adopting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file on the disk."""

    name: str
    """As it was called there; for people only."""
    path: Path
    """Ends in `clean_name(name)`; alone in its folder."""
    num_bytes: int
    file_id: str
    """Streamlit's."""
    problem: str = ""
    """Why it was not kept: nothing is at `path` then."""


class UploadStore(MemoryUploadedFileManager):
    """Streamlit's manager of uploads, with the bytes on the disk: the files that it hands out are empty."""

    _kept: dict[str, dict[str, Upload]]
    """By session and id of the file."""
    _folders: dict[str, Path]
    """Of each session."""
    _keeping: threading.RLock

    @classmethod
    def adopt(cls, manager: UploadedFileManager) -> "UploadStore":
        """Turn the manager of a running server into one; files that it holds already are moved."""
        with _adopting:
            if isinstance(manager, cls):
                return manager
            assert type(manager) is MemoryUploadedFileManager, type(manager)
            manager.__class__ = cls  # Streamlit has no setting for it
            assert isinstance(manager, cls)
            manager._kept, manager._folders, manager._keeping = {}, {}, threading.RLock()
            for session_id, files in list(manager.file_storage.items()):
                for file in list(files.values()):
                    manager.add_file(session_id, file)
            return manager

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep an upload, or the reason why not: the page says it."""
        with self._keeping:
            kept = self._kept.setdefault(session_id, {})
            if len(kept) >= _MAX_REFUSED:
                raise StorageError(f"a session uploads more than {_MAX_REFUSED:,} files; refused")
            kept[file.file_id] = self._keep(session_id, file)
        super().add_file(session_id, file._replace(data=b""))

    def _keep(self, session_id: str, file: UploadedFileRec) -> Upload:
        name = clean_name(file.name)
        try:
            self._check_room(session_id, len(file.data))
            if session_id not in self._folders:
                self._folders[session_id] = make_scratch_folder(Workspace.default().uploads)
            with storage_errors(self._folders[session_id]):
                folder = Path(tempfile.mkdtemp(dir=self._folders[session_id]))
                try:
                    (folder / name).write_bytes(file.data)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
        except StorageError as error:
            return Upload(file.name, Path(name), 0, file.file_id, problem=str(error))
        return Upload(file.name, folder / name, len(file.data), file.file_id)

    def _check_room(self, session_id: str, num_bytes: int) -> None:
        sizes = {
            key: [item.num_bytes for item in files.values() if not item.problem]
            for key, files in self._kept.items()
        }
        own, everybody = sizes[session_id], sum(map(sum, sizes.values()))
        if len(own) >= MAX_FILES or sum(own) + num_bytes > MAX_SESSION_MB * _MB:
            raise StorageError(
                f"it was not kept: this session holds {len(own):,} uploads of {sum(own) / _MB:,.0f} MB, at "
                f"most {MAX_FILES} of {MAX_SESSION_MB:,} MB are; remove some, or use the command line"
            )
        if everybody + num_bytes > MAX_SERVER_MB * _MB:
            raise StorageError(
                f"it was not kept: all visitors together have uploaded {everybody / _MB:,.0f} MB of at most "
                f"{MAX_SERVER_MB:,} MB; try again when others have left, or use the command line"
            )

    def remove_file(self, session_id: str, file_id: str) -> None:
        """Delete an upload; one that is gone already is none."""
        with self._keeping:
            upload = self._kept.get(session_id, {}).pop(file_id, None)
        if upload is not None and not upload.problem:
            shutil.rmtree(upload.path.parent, ignore_errors=True)
        super().remove_file(session_id, file_id)

    def remove_session_files(self, session_id: str) -> None:
        """Delete the uploads of a session; safe from any thread, and more than once."""
        with self._keeping:
            self._kept.pop(session_id, None)
            folder = self._folders.pop(session_id, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        super().remove_session_files(session_id)

    def take_over(self, old: str, new: str) -> bool:
        """Let the uploads of a session belong to one that has none; False if it has, or there are none."""
        with self._keeping:
            if old not in self._folders or new in self._folders:
                return False
            self._folders[new], self._kept[new] = self._folders.pop(old), self._kept.pop(old)
            return True

    def find(self, session_id: str, file_ids: Sequence[str]) -> list[Upload]:
        """The uploads of these ids, in their order; what was deleted is left out."""
        kept = self._kept.get(session_id, {})
        return [kept[key] for key in file_ids if key in kept]

    def holds(self, session_id: str) -> bool:
        """Whether a session has uploaded anything."""
        return session_id in self._kept


def keep_uploads_on_disk() -> None:
    """Adopt the server's manager of uploads, and delete what earlier servers left; call it in every run."""
    store, session_id = _get_store()
    if store.holds(session_id):
        at_session_end("uploads", partial(store.remove_session_files, session_id))
    _clean_up(Workspace.default())


def has_uploads(session_id: str) -> bool:
    """Whether a session has uploaded anything that is still there."""
    return _get_store()[0].holds(session_id)


def take_over_uploads(old: str, new: str) -> bool:
    """Let the uploads of a session that is gone belong to this one; False if there are none.

    Args:
        old: id of the session that is gone.
        new: id of this one, which has uploaded nothing yet.
    """
    store, _ = _get_store()
    if not store.take_over(old, new):
        return False
    at_session_end("uploads", partial(store.remove_session_files, new))
    return True


@st.cache_resource(show_spinner=False)
def _clean_up(workspace: Workspace) -> bool:
    """Once a server."""
    remove_leftovers()
    remove_leftovers(workspace.uploads)
    return True


def _get_store() -> tuple[UploadStore, str]:
    context = get_script_run_ctx()
    assert context is not None
    return UploadStore.adopt(context.uploaded_file_mgr), context.session_id


def ask_for_files(
    label: str,
    *,
    types: Sequence[str],
    key: str,
    max_mb: int = MAX_FILE_MB,
    multiple: bool | Literal["directory"] = False,
    help: str | None = None,  # noqa: A002 - as Streamlit calls it
    on_change: Callable[..., None] | None = None,
    args: tuple[object, ...] = (),
) -> list[Upload]:
    """The one file dialog of the dashboard: what was uploaded, on the disk; what was not kept is told.

    Args:
        label: above the dialog.
        types: endings of names, without the dot; the content decides what a file is.
        key: of the widget.
        max_mb: that one file may have.
        multiple: whether several may be chosen; `directory` for a folder with all that lies in it.
        help: shown on request.
        on_change: called with `args` when the choice has changed; see `get_uploads`.
        args: of `on_change`.
    """
    st.file_uploader(
        label,
        type=list(types),
        accept_multiple_files=multiple,
        max_upload_size=max_mb,
        key=key,
        help=help,
        on_change=on_change,
        args=args,
    )
    if problem := _explain_lack_of_space(max_mb):
        show_error(StorageError(problem))
    store, session_id = _get_store()
    refused: dict[str, list[str]] = {}
    for upload in store.find(session_id, _list_ids(key)):
        if upload.problem:
            refused.setdefault(upload.problem, []).append(upload.name)
    for problem, (first, *others) in refused.items():  # a folder may hold hundreds
        show_error(MediaError(problem), about=f"{first} and {len(others):,} more" if others else first)
    return get_uploads(key)


def get_uploads(key: str) -> list[Upload]:
    """What was uploaded in the dialog called `key`, for its callback."""
    store, session_id = _get_store()
    return [item for item in store.find(session_id, _list_ids(key)) if not item.problem]


def _list_ids(key: str) -> list[str]:
    value: Any = st.session_state.get(key)
    files = value if isinstance(value, list) else [value] if value is not None else []
    return [file.file_id for file in files]


def forget_uploads(uploads: Sequence[Upload]) -> None:
    """Delete uploads of this session; those that are gone already are none."""
    store, session_id = _get_store()
    for upload in uploads:
        store.remove_file(session_id, upload.file_id)


def _explain_lack_of_space(max_mb: int) -> str:
    """On its way a file also passes through the temporary folder, and its refusal is a bare number."""
    try:
        folder = tempfile.gettempdir()
        free_mb = shutil.disk_usage(folder).free // _MB
    except OSError as cause:
        reason = cause.strerror or cause
        return f"temporary files can't be written: {reason}; let TMPDIR name a folder with space"
    if free_mb >= max_mb:
        return ""
    return (
        f"the temporary folder {folder} has {free_mb:,} MB free, so larger files can't be uploaded; free "
        "some space there, or start the dashboard with TMPDIR naming another folder"
    )


def clean_name(name: str) -> str:
    """A file name without folders, of letters, digits, `.`, `_`, `-`; `upload` if nothing is left.

    Examples:
        >>> clean_name("../My faces.zip")
        'My_faces.zip'
    """
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", last))[-80:].lstrip("._-") or "upload"
