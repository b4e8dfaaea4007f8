"""Which databases this user has named: an address that stands in a file alone is never contacted.

A search's folder may come from anybody. What the user typed is remembered in their own folder for such
things, not in the workspace, as a hash: an address may hold a password.
"""

import hashlib
import os
from pathlib import Path

from fer_core.io import storage_errors
from fer_core.workspace import expand_home


def remember_address(address: str) -> None:
    """Keep that this user named a database.

    Args:
        address: an SQLAlchemy URL.

    Raises:
        StorageError: the user's folder can't be written.
    """
    path = _locate(address)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)


def is_remembered(address: str) -> bool:
    """Whether this user has named a database before."""
    return _locate(address).is_file()


def _locate(address: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME", "").strip() or "~/.local/state"
    return expand_home(state) / "fer-workbench" / "databases" / hashlib.sha256(address.encode()).hexdigest()
