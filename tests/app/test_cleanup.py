"""The deciding half of the data page, driven without a browser."""

import json

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.data.decisions import load_decisions
from fer_core.data.flaws import find_flaws
from fer_core.data.store import VOTE_COLUMNS, load_dataset, write_dataset
from fer_core.data.suspected_labels import Suspect, note_suspects, suspects_path
from fer_core.data.synthetic import generate_schematic_faces
from fer_core.labels import EMOTIONS

pytestmark = pytest.mark.usefixtures("tasks_at_once")
NUM = 60
SPLITS = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10


def _script():
    from app.explore_data import cleanup as audit_view

    audit_view.render("faces")


def _run() -> AppTest:
    return AppTest.from_function(_script, default_timeout=60).run()


def _choose(page: AppTest, kind: str) -> AppTest:
    return page.segmented_control(key="audit_kind").set_value(kind).run()


def _write(workspace, *, with_votes=True):
    """Schematic faces with two leaks, a repeat, a near copy across splits, and a blank image."""
    faces = generate_schematic_faces(NUM, seed=3)
    images = faces.images.copy()
    images[45] = images[4]
    images[52] = images[5]
    images[20] = images[6]
    images[58] = np.clip(images[7] * 0.9 + 12, 0, 255).astype(np.uint8)
    images[30] = 77
    samples = pd.DataFrame({"split": SPLITS, "label": list(faces.labels), "source": "s", "image_name": ""})
    if with_votes:
        votes = faces.votes.copy()
        votes[9] = [2, 2, 2, 2, 2, 0, 0, 0, 0, 0]
        samples = pd.concat([samples, pd.DataFrame(votes, columns=list(VOTE_COLUMNS))], axis=1)
    write_dataset(
        workspace.dataset("faces"),
        images=images,
        samples=samples,
        classes=EMOTIONS,
        importer="t",
        source="s",
    )
    return load_dataset(workspace.dataset("faces"))


@pytest.fixture
def data(app_workspace):
    found = _write(app_workspace)
    find_flaws(found, app_workspace)
    return found


def _texts(page: AppTest) -> str:
    return "\n".join(item.value for item in [*page.markdown, *page.caption, *page.success, *page.error])


def test_a_data_set_that_is_gone_is_named(app_workspace):
    page = _run()
    assert not page.exception
    assert "no data set" in page.error[0].value


def test_copies_are_looked_for_on_demand(app_workspace):
    _write(app_workspace)
    page = _run()
    assert "Not searched yet" in _texts(page)
    page.button(key="audit_look").click().run()
    assert not page.exception
    assert "3 groups of exactly equal images" in _texts(page)
    assert "2 copies of training images in other splits" in _texts(page)


def test_one_click_excludes_the_leaks_and_saves_them_away(data, app_workspace):
    page = _run()
    page.button(key="audit_bulk_leaks").click().run()
    assert not page.exception
    assert list(load_decisions(data, app_workspace)) == [45, 52]
    assert "2 excluded (2 exact copy)" in _texts(page)
    # The other way of resolving copies takes the place of the first, or both sides of a pair would go.
    page.button(key="audit_bulk_repeats").click().run()
    assert list(load_decisions(data, app_workspace)) == [4, 5, 20]
    page.text_input(key="audit_note").set_value("no repeats")
    page.button(key="audit_save").click().run()
    assert not page.exception and not page.error
    assert "57 images" in page.success[0].value
    child = load_dataset(app_workspace.dataset("faces-clean"))
    step = child.info.history[0]
    assert step["parent"] == "faces" and step["operation"]["exclude"] == [4, 5, 20]
    assert step["operation"]["reason"] == "no repeats: 3 excluded (3 exact copy)"
    page.button(key="audit_save").click().run()
    assert "exists already" in page.error[0].value
    again = _run()  # another visit, as after a reload
    assert "57 images" in again.success[0].value and not again.error


def test_a_decision_is_on_disk_and_comes_back(data, app_workspace):
    key = f"audit_copies_{data.info.fingerprint[:8]}_"
    page = _run()
    page.segmented_control(key=f"{key}45").set_value("keep").run()
    page.segmented_control(key=f"{key}4").set_value("relabel").run()
    assert not page.exception
    found = load_decisions(data, app_workspace)
    assert found[45].action == "keep"
    assert found[4].action == "relabel"
    page.selectbox(key=f"{key}4_label").set_value("fear").run()
    assert load_decisions(data, app_workspace)[4].label == "fear"
    # A kept image stays, whatever a button for many says.
    page.button(key="audit_bulk_leaks").click().run()
    assert [row for row, item in load_decisions(data, app_workspace).items() if item.action == "exclude"] == [
        52
    ]
    again = _run()
    assert again.segmented_control(key=f"{key}45").value == "keep"
    assert again.selectbox(key=f"{key}4_label").value == "fear"
    again.segmented_control(key=f"{key}45").set_value(None).run()
    assert 45 not in load_decisions(data, app_workspace)
    again.button(key="audit_forget").click().run()
    assert load_decisions(data, app_workspace) == {}


def test_near_copies_lose_their_training_side(data, app_workspace):
    page = _choose(_run(), "near")
    assert "**1 pair** with the same look" in _texts(page)
    page.selectbox(key="audit_which_near").set_value("across splits").run()
    page.button(key="audit_bulk_near").click().run()
    assert list(load_decisions(data, app_workspace)) == [7]
    page.selectbox(key="audit_which_near").set_value("within one split").run()
    assert "No such images" in _texts(page)
    assert not page.exception


def test_blank_images_and_undo(data, app_workspace):
    page = _choose(_run(), "blank")
    assert "**1 blank image**" in _texts(page)
    page.button(key="audit_bulk_blank").click().run()
    assert list(load_decisions(data, app_workspace)) == [30]
    page.button(key="audit_undo_blank").click().run()
    assert load_decisions(data, app_workspace) == {}


def test_disputed_images(data, app_workspace):
    page = _choose(_run(), "disagreement")
    page.slider(key="audit_bits").set_value(2.3).run()
    page.button(key="audit_bulk_disagreement").click().run()
    assert not page.exception
    assert 9 in load_decisions(data, app_workspace)


def test_label_flow_is_told_in_words(data):
    page = _choose(_run(), "flow")
    assert not page.exception
    assert "Of 60 images" in _texts(page)


def test_without_votes_it_says_why_there_is_nothing(app_workspace):
    _write(app_workspace, with_votes=False)
    page = _run()
    for kind in ("disagreement", "flow"):
        _choose(page, kind)
        assert not page.exception
        assert "No annotators' votes here" in _texts(page)


def test_suspects_are_shown_and_relabelled_as_suggested(data, app_workspace):
    suspects = [
        Suspect(row=3, source="m, model: looks like fear 90%", suggestion="fear", confidence=0.02),
        Suspect(row=8, source="a run: truth fear"),
        Suspect(row=3, source="n, model: looks like anger 80%", suggestion="anger", confidence=0.1),
    ]
    note_suspects(app_workspace, "faces", data.info.fingerprint, suspects)
    page = _choose(_run(), "errors")
    assert not page.exception
    assert "2 images; those that people noted first" in _texts(page)
    page.button(key="audit_errors_relabel").click().run()
    assert {row: item.label for row, item in load_decisions(data, app_workspace).items()} == {3: "fear"}
    page.button(key="audit_errors_keep").click().run()
    assert load_decisions(data, app_workspace)[8].action == "keep"
    page.button(key="audit_save").click().run()
    assert not page.error
    child = load_dataset(app_workspace.dataset("faces-clean"))
    assert child.votes[3].tolist() == [0, 0, 0, 0, 0, 0, 10, 0, 0, 0]


def test_suspects_of_another_state_are_refused_in_words(data, app_workspace):
    path = suspects_path(app_workspace, "faces")
    path.parent.mkdir()
    path.write_text(json.dumps({"schema_version": 1, "fingerprint": "old", "rows": []}))
    page = _choose(_run(), "errors")
    assert not page.exception
    assert "another state" in page.error[0].value


def test_a_search_says_what_the_model_knows_and_can_be_made(data, app_workspace, save_model):
    save_model("judge")
    page = _choose(_run(), "errors")
    assert "does not say what it was trained on" in _texts(page)
    page.selectbox(key="audit_method").set_value("model").run()
    page.button(key="audit_search_start").click().run()
    assert not page.exception
    assert not page.error
    assert "images of faces" in page.success[0].value
    assert suspects_path(app_workspace, "faces").is_file()


def test_seven_classes_from_the_page(data, app_workspace):
    page = _run()
    classes = page.multiselect(key=f"audit_classes_{data.info.fingerprint[:8]}")
    classes.set_value([name for name in EMOTIONS if name != "contempt"]).run()
    page.button(key="audit_save").click().run()
    assert not page.error
    assert len(load_dataset(app_workspace.dataset("faces-clean")).info.classes) == 7


def test_a_damaged_file_of_decisions_is_named(data, app_workspace):
    folder = app_workspace.root / "decisions"
    folder.mkdir()
    (folder / f"faces-{data.info.fingerprint[:12]}.json").write_text("{")
    page = _run()
    assert not page.exception
    assert "can't be read as JSON" in page.error[0].value


def test_keys_decide_on_the_current_face_and_go_on(data, app_workspace):
    page = _choose(_run(), "copies")
    order = [4, 45, 5, 52, 6, 20]  # groups across splits first
    shortcuts = {item.label: item.proto.shortcut.lower() for item in page.button if item.proto.shortcut}
    assert shortcuts == {"Keep": "k", "Exclude": "e", "Relabel": "l", "Back": "b", "Next": "n"}
    page.button(key="audit_now_Back").click()
    page.button(key="audit_now_Next").click()  # both before the page is drawn again: there and back
    page.run()
    page.button(key="audit_now_keep").click().run()
    page.button(key="audit_now_exclude").click().run()
    page.button(key="audit_now_Next").click().run()
    page.button(key="audit_now_exclude").click().run()
    page.button(key="audit_now_Back").click().run()
    page.button(key="audit_now_Back").click().run()
    page.button(key="audit_now_relabel").click().run()
    assert not page.exception
    found = {row: item.action for row, item in load_decisions(data, app_workspace).items()}
    assert found == {order[0]: "keep", order[1]: "exclude", order[3]: "exclude", order[2]: "relabel"}
    assert "4 decided: save" in [item.proto.popover.label for item in page.get("popover")]


def test_the_rail_counts_what_there_is(data):
    page = _run()
    options = page.segmented_control(key="audit_kind").options
    assert [option.rpartition(" · ")[2] for option in options[:3]] == ["3", "1", "1"]
