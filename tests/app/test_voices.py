"""Pages with a data set and a model of voices: what is shown of sound, and what is hidden."""

import pytest
from streamlit.testing.v1 import AppTest

from app.explore_data.state import Key
from fer_core.checkpoint import CheckpointInfo, InputSpec, SoundSpec
from fer_core.data.importers.pictures import PictureOptions
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.splits import SplitPlan
from fer_core.models import build_model, save_checkpoint
from fer_core.workspace import PROJECT_ROOT
from tests.unit.data.pictures import write_tree
from tests.voices import emodb_files

SPEC = SoundSpec(window_s=1.0)
pytestmark = pytest.mark.usefixtures("tasks_at_once")


@pytest.fixture
def voices(app_workspace, tmp_path):
    source = inspect_source(write_tree(tmp_path / "emodb", emodb_files()))
    options = PictureOptions(sound=SPEC, splits=SplitPlan(valid=0.25, test=0.25))
    import_source(source, app_workspace.dataset("emodb"), options)
    return app_workspace


@pytest.fixture
def heard(voices):
    classes = ("neutral", "anger")
    arguments = {"widths": "8-8"}
    info = CheckpointInfo(
        name="heard",
        architecture="voice_cnn",
        arguments=arguments,
        classes=classes,
        input=InputSpec(
            kind="sound", sound=SPEC, height=64, width=100, color="gray", mean=(0.3,), std=(0.2,)
        ),
        weights_sha256="0" * 64,
        num_parameters=0,
    )
    network = build_model("voice_cnn", num_classes=2, input_size=(64, 100), arguments=arguments)
    save_checkpoint(voices.run("heard") / "best", network, info)
    return voices


def _open(page, **query):
    test = AppTest.from_file(str(PROJECT_ROOT / "pages" / page), default_timeout=120)
    for name, value in query.items():
        test.query_params[name] = value
    return test


def _texts(page):
    return "\n".join(item.value for kind in (page.markdown, page.caption, page.error) for item in kind)


def test_a_data_set_of_sound_is_explored(voices):
    page = _open("explore_data.py", dataset="emodb").run()
    assert not page.exception and not page.error
    text = _texts(page)
    assert "**28** clips of 1 s of sound" in text and "The sound of each class" in text
    assert "sharpness" not in text and "boredom" in text
    page.session_state[Key.EXPLORE_PART] = "Images"
    page.session_state[Key.EXPLORE_ROW] = 3
    page.run()
    assert not page.exception and "Clip 3" in _texts(page)
    assert page.get("audio")
    page.session_state[Key.EXPLORE_PART] = "Augmentation"  # left over from a set of faces
    page.run()
    assert not page.exception and "Clip 3" in _texts(page)


def test_a_model_of_voices_is_described(heard):
    page = _open("models.py", model="heard/best").run()
    assert not page.exception and not page.error
    text = _texts(page)
    assert "reads voices" in text and "How a voice is prepared" in text
    assert not any("Try it" in item.label for item in page.button)


def test_faces_are_not_read_by_a_model_of_voices(heard):
    page = _open("analyze_media.py").run()
    assert not page.exception and "No model on this machine yet" in _texts(page)
