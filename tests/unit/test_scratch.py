"""Temporary files: gone at the end, after a kill too, and a full disk is told in words."""

import ast
import errno
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fer_core import scratch
from fer_core.checkpoint import CheckpointEntry, load_checkpoint_info
from fer_core.errors import FerError, StorageError
from fer_core.exchange.hub import push_to_hub
from fer_core.exchange.model_zip import build_zip
from fer_core.inference.recorder import Recorder
from fer_core.results import encode_table
from fer_core.scratch import make_scratch_folder, remove_leftovers, scratch_folder
from fer_core.workspace import PROJECT_ROOT
from tests.fake_hub import FakeHub
from tests.small_models import save_small_model


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder of this test."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    scratch._get_process_folder.cache_clear()


def _list_left(folder):
    return list(folder.glob("fer-*/*"))


def test_a_folder_is_gone_at_the_end_whatever_happens(temporary):
    with pytest.raises(ZeroDivisionError), scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.parent.parent == temporary and folder.stat().st_mode & 0o777 == 0o700
        raise ZeroDivisionError
    assert _list_left(temporary) == []


def test_a_folder_that_a_cleaning_service_took_is_made_again(temporary):
    with scratch_folder() as folder:
        folder.rmdir()
        folder.parent.with_name(f"{folder.parent.name}.lock").unlink()
        folder.parent.rmdir()
    with scratch_folder() as folder:
        assert folder.is_dir()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_what_a_killed_process_left_goes_with_the_next_and_what_lives_stays(temporary, number):
    program = (
        "import signal, sys; from pathlib import Path; from fer_core.scratch import make_scratch_folder\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored by the children of nohup\n"
        "folder = make_scratch_folder(Path(sys.argv[1])); (folder / 'upload').touch()\n"
        "print(folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = temporary / process.stdout.readline().strip()
        remove_leftovers()
        assert (folder / "upload").exists()
        process.send_signal(number)
        process.wait()
    assert (folder / "upload").exists()
    remove_leftovers()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_a_link_of_that_name_is_left_alone(temporary, tmp_path, suffix):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    name = f"fer-{os.getuid()}-made"
    (temporary / name).mkdir() if suffix else (temporary / f"{name}.lock").touch()
    (temporary / f"{name}{suffix}").symlink_to(precious / ("file" if suffix else ""))
    remove_leftovers()
    assert (precious / "file").exists() and (temporary / name).is_dir()


@pytest.mark.parametrize(("age_s", "is_left"), [(0, True), (25 * 3600, False)])
def test_a_folder_without_a_lock_is_left_for_a_day(temporary, age_s, is_left):
    """Another process may be about to lock it; one that died just then never will."""
    folder = temporary / f"fer-{os.getuid()}-new"
    folder.mkdir()
    os.utime(folder, (folder.stat().st_mtime - age_s,) * 2)
    remove_leftovers()
    assert folder.exists() == is_left


def test_a_folder_that_was_taken_for_a_leftover_is_made_again(temporary, monkeypatch):
    """Between the making of a lock file and its lock another process may get it."""
    hold, taken = scratch._hold, []

    def be_late(lock_file):
        if not taken and lock_file.parent == temporary:
            taken.append(lock_file.with_suffix(""))
            lock_file.touch()
            monkeypatch.setattr(scratch, "_hold", hold)
            remove_leftovers()
        return hold(lock_file)

    monkeypatch.setattr(scratch, "_hold", be_late)
    with scratch_folder() as folder:
        assert not taken[0].exists() and folder.parent != taken[0]
        remove_leftovers()
        assert folder.is_dir()


def test_it_is_imported_where_there_is_neither_flock_nor_a_number_of_the_user():
    program = (
        "import os, sys; sys.modules['fcntl'] = None; del os.getuid; import fer_core.scratch, "
        "fer_core.exchange, app.shared.uploads, fer_core.inference.recorder"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PROJECT_ROOT)


def _encode(_entry):
    encode_table(pd.DataFrame({"text": [f"{number:030d}" for number in range(2000)]}), "csv")


def _record(_entry):
    recorder = Recorder()
    recorder.start()
    recorder.add(np.zeros((64, 64, 3), np.uint8), 0.0)
    recorder.stop()
    note = recorder.state().note
    recorder.discard()
    raise StorageError(note or "no note")


WRITERS = {
    "table": _encode,
    "zip": build_zip,
    "push": lambda entry: push_to_hub(entry, "me/model", api=FakeHub()),
    "recording": _record,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_in_the_middle_of_a_temporary_file(temporary, workspace, writer):
    """A limit on the size of files is met as a full disk is: by whoever writes, compiled libraries too."""
    folder = save_small_model(workspace, "model")
    entry = CheckpointEntry("model", folder, load_checkpoint_info(folder))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    make_scratch_folder().rmdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(FerError, match=r"can't be written|File too large|free some space"):
            WRITERS[writer](entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _list_left(temporary) == []


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_before_the_first_byte(temporary, workspace, writer, monkeypatch):
    folder = save_small_model(workspace, "model")
    entry = CheckpointEntry("model", folder, load_checkpoint_info(folder))

    def refuse(**_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(StorageError, match="No space left on device; free some space there and try again"):
        WRITERS[writer](entry)


def test_nothing_else_writes_to_the_systems_temporary_folder():
    """What is beside its target names that place; all else goes through `fer_core.scratch`."""
    for path in [
        path for name in ("fer_core", "app", "pages") for path in (PROJECT_ROOT / name).rglob("*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("tempfile."):
                is_placed = any(item.arg == "dir" for item in node.keywords)
                assert is_placed or ast.unparse(node.func) == "tempfile.gettempdir", f"{path}:{node.lineno}"
