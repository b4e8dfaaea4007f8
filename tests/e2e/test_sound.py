"""*Analyze*, tab *Sound*, in a real browser: made-up sounds go in, and what is heard comes out."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.e2e.waiting import FILE_INPUT, settle
from tests.small_models import save_small_voice
from tests.unit.sound.voices import speak
from tests.voices import RATE, encode_wav

SILENCE = np.zeros(RATE)
TALK = np.concatenate([SILENCE, speak(2.0), SILENCE])


@pytest.fixture
def ears(dashboard_workspace):
    """A voice model, for this test alone."""
    save_small_voice(dashboard_workspace, "ears")
    yield
    shutil.rmtree(dashboard_workspace.run("ears"))


@pytest.mark.usefixtures("ears")
def test_sounds_are_heard_shown_and_handed_out(open_page, tmp_path):
    sounds = {"talk.wav": encode_wav(TALK), "silence.wav": encode_wav(SILENCE), "text.wav": b"no sound"}
    for name, content in sounds.items():
        (tmp_path / name).write_bytes(content)
    page = open_page("analyze_media?part=Sound")
    expect(page.get_by_text("No sound yet")).to_be_visible()
    settle(page)
    dialogs = page.locator(f"{FILE_INPUT}[accept*='.flac']")
    dialogs.set_input_files([tmp_path / name for name in sounds])
    expect(page.get_by_text("text.wav — the file is not sound that can be read")).to_be_visible()
    page.get_by_role("button", name="Listen to 2 sounds").click()
    expect(page.get_by_text("Nobody speaks in these 1.0 s")).to_be_visible()
    expect(page.get_by_text("apparent vocal expression: mostly anger")).to_be_visible()
    settle(page)
    player = page.locator("audio").first
    assert {round(item.evaluate("a => a.duration")) for item in page.locator("audio").all()} == {1, 4}
    player.evaluate("a => { a.muted = true; return a.play(); }")
    chart = page.locator(".js-plotly-plot")
    expect(chart).to_have_count(1)
    assert {"anger", "boredom", "speech"} <= set(chart.evaluate("c => c.data.map(({ name }) => name)"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Table (CSV)").last.click()  # the newest sound is on top
    table = pd.read_csv(io.BytesIO(download.value.path().read_bytes()))
    assert set(table["label"]) == {"anger"}
    assert table["start_s"].min() == pytest.approx(1.0, abs=0.2)
    for number in (1, 0):
        page.get_by_role("button", name="Delete").first.click()
        expect(page.get_by_role("button", name="Delete")).to_have_count(number)
