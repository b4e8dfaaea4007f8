"""The programs in examples/ do what they say."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

from fer_core.inference.sample import sample_path
from tests.unit.inference.videos import make_video

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def run(workspace, monkeypatch, capsys):
    def run(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def test_a_photo(run):
    (line,) = run("read_photo.py", sample_path())
    assert f"{sample_path()}: " in line and ": happiness " in line


def test_a_video(run, tmp_path):
    lines = run("read_video.py", make_video(tmp_path / "in.mp4", 3))
    assert lines[:3] == ["0.00 s: nobody", "0.10 s: nobody", "0.20 s: nobody"]


def test_a_folder(run, tmp_path):
    (tmp_path / "happy").mkdir()
    shutil.copy(sample_path(), tmp_path / "happy")
    first, *rest = run("score_folder.py", tmp_path)
    assert first.startswith("accuracy ") and first.endswith("n = 1")
    assert len(rest) == 8
