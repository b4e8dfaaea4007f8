import threading

import filelock
import pytest

from fer_core.data import builtin
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.data.store import SCHEMATIC_FACES
from fer_core.errors import FerError


def test_two_drawings_of_one_name(workspace):
    workspace.datasets.mkdir(parents=True)
    with filelock.FileLock(workspace.datasets / ".a.lock"), pytest.raises(FerError, match="being written"):
        write_schematic_faces(workspace, "a", num_images=40)
    assert write_schematic_faces(workspace, "a", num_images=40).num_images == 40


def test_runs_that_start_together_share_one_drawing(workspace, monkeypatch):
    monkeypatch.setattr(
        builtin.write_schematic_faces,
        "__kwdefaults__",
        {**builtin.write_schematic_faces.__kwdefaults__, "num_images": 40},
    )
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(open_dataset(SCHEMATIC_FACES, workspace).info.fingerprint)
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and len(set(found)) == 1
