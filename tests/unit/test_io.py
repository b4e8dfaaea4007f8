import errno
import json
import os
import subprocess
import sys
from collections import Counter

import filelock
import pytest

from fer_core import io
from fer_core.errors import FerError, StorageError
from fer_core.io import (
    atomic_directory,
    atomic_path,
    hold_lock,
    read_json,
    sha256_file,
    storage_errors,
    to_json_line,
    write_json,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failing_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failing_folder_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_directory(tmp_path / "set") as temporary:
        (temporary / "x").write_text("x")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_folder_is_exchanged_whole(tmp_path):
    for text in ("one", "two"):
        with atomic_directory(tmp_path / "set", replace=True) as temporary:
            (temporary / text).write_text(text)
    assert names(tmp_path) == ["set"]
    assert names(tmp_path / "set") == ["two"]
    with pytest.raises(FerError, match="exists already"), atomic_directory(tmp_path / "set"):
        pass


def test_a_folder_made_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(FerError, match="meanwhile"), atomic_directory(tmp_path / "set"):
        (tmp_path / "set").mkdir()
    assert names(tmp_path) == ["set"]


def test_what_is_written_can_be_read_by_others(tmp_path):
    write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").stat().st_mode & 0o044 == 0o044


def test_the_umask_is_obeyed_and_never_touched(tmp_path):
    """What threads write meanwhile gets the modes that the user's umask asks for, too."""
    code = """
import os, sys, threading
from pathlib import Path
os.umask(0o027)
from fer_core.io import atomic_directory, write_text
os.umask = None
def write(place):
    for number in range(25):
        write_text(place / str(number), "x")
        with atomic_directory(place / f"folder-{number}"):
            Path(place, f"other-{number}").touch()
threads = [threading.Thread(target=write, args=(Path(sys.argv[1], str(index)),)) for index in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    modes = Counter((path.is_dir(), oct(path.stat().st_mode & 0o777)) for path in tmp_path.glob("*/*"))
    assert modes == {(False, "0o640"): 200, (True, "0o750"): 100}


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.5, (float("nan"),)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": [1.5, [None]]}
    assert to_json_line({"x": float("nan")}) == '{"x": null}'
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "b.json", {"x": float("inf")})
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b"3"])
def test_bad_json_is_a_clear_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(FerError, match=r"a\.json"):
        read_json(path, FerError)


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_where_folders_cannot_change_places_two_renames_do_it(tmp_path, monkeypatch):
    monkeypatch.setattr(io, "exchange_paths", lambda first, second: False)
    test_a_folder_is_exchanged_whole(tmp_path)


def test_an_exchange_by_two_renames_that_was_cut_short_is_undone(tmp_path):
    old = tmp_path / ".set.12345678.old" / "old"
    old.mkdir(parents=True)
    (old / "one").write_text("one")
    with pytest.raises(FerError, match="exists already"), atomic_directory(tmp_path / "set"):
        pass
    assert names(tmp_path) == ["set"]
    assert names(tmp_path / "set") == ["one"]


def test_a_disk_that_does_not_take_it_is_told(tmp_path):
    for number, words in [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "FER_WORKSPACE"),
        (errno.EIO, "a.txt"),
    ]:
        with pytest.raises(StorageError, match=words) as caught, storage_errors(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))
        assert caught.value.errno == number
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path / "a.txt", is_ours=False):
        (tmp_path / "source").read_text()


def test_a_lock_is_held_and_freed(tmp_path):
    path = tmp_path / "new" / "lock"
    with hold_lock(path, timeout_s=0):
        other = filelock.FileLock(path)
        with pytest.raises(filelock.Timeout):
            other.acquire(timeout=0)
    with hold_lock(path, timeout_s=0):
        pass
