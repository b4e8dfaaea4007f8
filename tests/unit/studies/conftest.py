"""A study of made videos, analyzed by the shipped small model without searching for faces."""

from pathlib import Path

import pytest

from fer_core.studies import Study, create_study
from fer_core.studies.adding import add_recordings
from fer_core.studies.new_recordings import NewRecording
from fer_core.workspace import Workspace
from tests.unit.inference.videos import make_video

SETTINGS = {"model": "fer-tiny", "detector": "whole-image"}


@pytest.fixture
def study(workspace: Workspace) -> Study:
    return create_study(workspace, "smiles", **SETTINGS, codes=["smile", "stimulus"])


@pytest.fixture
def make_recordings(tmp_path: Path):
    """Adds so many made recordings, of two participants and conditions in turn."""

    def make(study: Study, count: int, *, num_frames: int = 6) -> list[str]:
        files = []
        for number in range(count):
            path = tmp_path / "media" / f"r{number}.mp4"
            path.parent.mkdir(exist_ok=True)
            make_video(path, num_frames + number)
            facts = {"participant": f"p{number // 2}", "condition": ("calm", "loud")[number % 2]}
            files.append(NewRecording(path=path, facts=facts))
        return list(add_recordings(study, files).recordings)

    return make
