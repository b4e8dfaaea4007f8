"""What was acknowledged has reached the disk: what an operation leaves was synced.

A killed process leaves its writes to the system, which still has them; a power cut does not. No test can cut
the power, but it can watch that every file and every folder with a new name in it went through `fsync`.
"""

import os
from pathlib import Path

from tests.faults.injection import run_in_child

NEVER_SYNCED = {"log.txt"}
"""What a power cut may shorten: the log tells what happened, nothing depends on it."""


def test_every_file_is_synced_before_it_counts(subject, scratch):
    workspace = subject.copy(scratch)
    before = set(list_files(workspace.root))
    synced: set[int] = set()
    original = os.fsync

    def fsync(file):
        number = file if isinstance(file, int) else file.fileno()
        synced.add(os.fstat(number).st_ino)
        original(file)

    def watch():
        os.fsync = fsync

    def check():
        new = [item for item in list_files(workspace.root) if item not in before]
        lost = [str(path) for path, inode, _ in new if inode not in synced and path.name not in NEVER_SYNCED]
        assert not lost, lost
        folders = {path.parent for path, *_ in new}
        unsynced = [str(folder) for folder in folders if folder.stat().st_ino not in synced]
        assert not unsynced, f"names in {unsynced}"

    outcome = run_in_child([*subject.bind(workspace), check], before=watch)
    assert outcome.exit_status == 0, outcome.trace


def list_files(root: Path) -> list[tuple[Path, int, int]]:
    """Files with something in them: path, inode, size."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and path.stat().st_size > 0:
            state = path.stat()
            found.append((path, state.st_ino, state.st_mtime_ns))
    return found
