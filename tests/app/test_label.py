"""The Label page: before the first collection, labelling, agreement, deletion and errors."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.label import labelling
from app.label.state import Key
from fer_core.collecting import list_collections
from fer_core.collecting.labels import open_labels
from fer_core.inference import detectors
from fer_core.workspace import PROJECT_ROOT
from tests.collections import label_all, make_collection, make_vote

PAGE = str(PROJECT_ROOT / "pages" / "label.py")
VISITOR = "test@example.com"
"""Whom AppTest logs in."""


def open_page(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.query_params.update(query)
    page.run()
    assert not page.exception
    return page


def read(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.info, page.error, page.warning, page.title)
    return "\n".join(item.value for kind in kinds for item in kind)


def click(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception


def test_the_first_collection_is_made(workspace):
    page = open_page()
    assert "No faces yet" in read(page)
    click(page, "Make the collection")
    assert "no name yet" in page.error[0].value
    page.text_input(key=Key.NAME).set_value("../x").run()
    click(page, "Make the collection")
    assert "can't be the name of a collection" in page.error[0].value
    page.text_input(key=Key.NAME).set_value("own").run()
    click(page, "Make the collection")
    assert [item.name for item in list_collections(workspace)] == ["own"]
    assert page.query_params["collection"] == "own"
    assert "No face yet" in read(page)


def test_what_is_missing_or_damaged_is_told(workspace):
    assert "there is no collection" in open_page(collection="gone").error[0].value
    collection = make_collection(workspace, 2)
    (collection.folder / "faces.parquet").write_text("no table")
    assert "is no table" in read(open_page(collection="own"))
    (collection.folder / "collection.json").write_text("{")
    assert "can't be read" in read(open_page())


@pytest.fixture
def shown(monkeypatch):
    """What the component was given, run by run; and a place for what it sends."""
    given: list[dict] = []
    monkeypatch.setattr(labelling, "render_labeller", lambda data, **_: given.append(data))
    return given


def test_a_message_is_saved_and_answered(workspace, shown, monkeypatch):
    collection = make_collection(workspace, 30)
    page = open_page(collection="own")
    told = shown[-1]
    assert (told["left"], len(told["queue"]), len(told["pictures"])) == (30, 24, 24)
    assert told["pictures"]["000001"].startswith("data:image/png;base64,")
    vote = {"id": "a1", "face": "000001", "labels": ["fear"], "annotator": "me", "order": "mine"}
    have = [item["face"] for item in told["queue"]]
    sent = {
        "number": 1,
        "votes": [vote],
        "have": have,
        "want": ["000001"],
        "skip": ["000002"],
        "frame": "000003",
    }
    state: dict = {}
    with monkeypatch.context() as patch:
        patch.setattr(labelling, "take_sent", lambda _key: sent)
        patch.setattr(labelling, "get_visitor", lambda: VISITOR)
        patch.setattr(labelling.st, "session_state", state)
        labelling._save(collection, "key")
    assert state[Key.ANSWER].saved == ("a1",)
    assert open_labels(collection).read()["000001", VISITOR].labels == ("fear",)
    page.session_state[Key.ANSWER] = state[Key.ANSWER]
    page.run()
    told = shown[-1]
    assert (told["annotator"], told["left"], told["saved"], told["problem"]) == (VISITOR, 29, ["a1"], "")
    assert told["queue"][0]["face"] == "000003"  # one is labelled, one skipped
    assert set(told["pictures"]) == {"000001", "000025", "000026"}
    assert told["frame"]["face"] == "000003"


def test_a_wrong_message_is_not_saved(workspace, monkeypatch):
    collection = make_collection(workspace, 2)
    monkeypatch.setattr(
        labelling, "take_sent", lambda _key: {"votes": [{"face": "../x"}], "have": 3, "frame": "../x"}
    )
    monkeypatch.setattr(labelling, "get_visitor", lambda: "")
    state: dict = {}
    monkeypatch.setattr(labelling.st, "session_state", state)
    labelling._save(collection, "key")
    answer = state[Key.ANSWER]
    assert (answer.saved, answer.have, answer.frame) == ((), (), "")
    assert "reload the page" in answer.problem


def test_agreement_and_the_people(workspace):
    collection = make_collection(workspace, 8)
    assert "One person has labelled" in read(open_page(collection="own", tab="Agreement"))
    label_all(collection)
    open_labels(collection).add([make_vote(face, face, ["fear"], "Ben") for face in range(1, 9)])
    page = open_page(collection="own", tab="Agreement")
    assert [item.value for item in page.metric][1:] == ["12 %", "7"]
    assert page.dataframe[0].value["num_faces"].tolist() == [8]
    page = open_page(collection="own", tab="Manage")
    assert page.dataframe[0].value["labelled"].tolist() == [4, 4]
    page.selectbox(key="forget_own").set_value("person 1").run()
    click(page, "Delete this person")
    assert set(collection.load_faces()["person"]) == {"person 0"}
    click(page, "Delete the collection")
    assert not workspace.collection("own").exists()
    assert "No faces yet" in read(page)


def test_faces_that_are_there_are_told(workspace, tasks_at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(
        detectors, "prepare_detector", lambda *_: SimpleNamespace(name="whole-image", note="")
    )
    make_collection(workspace, 1)
    page = open_page(collection="own", tab="Collect")
    page.checkbox(key=f"{Key.CONSENT}_own").check()
    page.text_input(key="label_folder").set_value(str(tmp_path / "pictures")).run()
    (tmp_path / "pictures").mkdir()
    told = []
    for level in (80, 120):
        image = np.full((80, 60, 3), level, np.uint8)
        Image.fromarray(image).save(tmp_path / "pictures" / f"{level}.png")
        click(page, "Collect from the folder")
        told += [item.value for item in page.success]
        click(page, "OK")
    assert told == ["1 of 1 face taken.", "1 of 2 faces taken; 1 is in the collection already."]


def test_faces_are_collected_by_a_task(workspace, tasks_at_once, tmp_path):
    make_collection(workspace, 1)
    page = open_page(collection="own", tab="Collect")
    folder = tmp_path / "pictures"
    page.checkbox(key=f"{Key.CONSENT}_own").check()
    page.text_input(key="label_folder").set_value(str(folder)).run()
    click(page, "Collect from the folder")
    assert "does not exist" in page.error[0].value
    folder.mkdir()
    click(page, "Collect from the folder")
    assert "no picture or video" in read(page)
