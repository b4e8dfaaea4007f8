"""The sound part of the Analyze media page without a browser: no model, an upload, what was heard."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.analyze_media.sound_chart import build_voice_chart
from app.analyze_media.sound_task import Heard, SoundTask, check_room
from app.analyze_media.sound_view import describe_heard
from app.analyze_media.state import Key
from fer_core.cli import main
from fer_core.errors import MediaError
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.small_models import save_small_voice
from tests.unit.sound.sounds import write_sound
from tests.unit.sound.voices import speak

PAGE = str(PROJECT_ROOT / "pages" / "analyze_media.py")
SOUND_TAB = ":material/graphic_eq: Sound"


def open_page() -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=120)
    page.session_state[Key.LAST_TAB] = SOUND_TAB
    return page.run()


def test_without_a_model_the_page_says_how_to_get_one(workspace: Workspace) -> None:
    page = open_page()
    assert not page.exception
    shown = " ".join(item.value for item in page.markdown)
    assert "No voice model on this machine yet" in shown
    assert "fer train --preset voice" in shown
    assert not [item for item in page.selectbox if item.label == "Voice"]


def test_with_a_model_sounds_are_asked_for(workspace: Workspace) -> None:
    save_small_voice(workspace, "ears")
    page = open_page()
    assert not page.exception
    assert any("No sound yet" in item.value for item in page.markdown)
    chosen = {item.label: item.value for item in page.selectbox if item.key in (Key.VOICE, Key.SOUND_MODEL)}
    assert chosen == {"Voice": "ears/best"}, "videos are not listened to unless somebody says so"
    assert any("A voice can reveal who speaks" in item.value for item in page.caption)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Heard(8.0, 0.0, (), {}), "Nobody speaks"),
        (Heard(8.0, 0.3, (), {}), "too short to say"),
        (Heard(8.0, 4.0, (), {"a*b": 0.7, "calm": 0.3}), r"mostly a\*b 70 %, calm 30 %"),
    ],
)
def test_what_was_heard_in_words(heard: Heard, said: str) -> None:
    assert said in describe_heard(heard)


def test_the_chart_shows_what_the_command_heard(workspace: Workspace, tmp_path: Path) -> None:
    save_small_voice(workspace, "ears", always="anger")
    samples = np.concatenate([np.zeros(16_000), speak(2.0)]).astype(np.float32)
    source, table = write_sound(tmp_path / "talk.flac", samples), tmp_path / "voice.parquet"
    assert main(["listen", str(source), "--model=ears", f"--table={table}"]) == 0
    figure = build_voice_chart(pd.read_parquet(table), 3.0)
    assert [trace.name for trace in figure.data] == ["anger", "boredom", "happiness", "neutral", "speech"]
    shown = np.array([trace.y for trace in figure.data[:4]], float)
    assert shown.sum(axis=0) == pytest.approx(100, abs=0.1)
    assert (shown[0] > 50).all()


def test_no_more_sounds_than_there_is_room_for(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.analyze_media.sound_task.list_sounds", lambda _: [SoundTask] * 20)
    with pytest.raises(MediaError, match="20 sounds are here and 1 are new"):
        check_room(workspace, 1)
