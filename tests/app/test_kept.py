"""Keeping analyses on the Analyze media page without a browser: kept, listed, opened, compared, deleted."""

import pytest
from streamlit.testing.v1 import AppTest

from app.analyze_media import kept_list, kept_view
from app.analyze_media.kept_list import KEPT_TAB
from app.analyze_media.state import Key
from fer_core.analyses import list_analyses, load_analysis
from fer_core.workspace import PROJECT_ROOT
from tests.kept_analyses import keep_faces

PAGE = str(PROJECT_ROOT / "pages" / "analyze_media.py")
SMILE, FROWN = (0.2, 0.8, 0.0), (0.1, 0.3, 0.6)
FACES = [("a.png", (0, 0, 10, 10), SMILE), ("a.png", (50, 0, 10, 10), FROWN)]


def _open(*keys: str, **state) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    if keys:
        page.query_params["analysis"] = list(keys)
    for key, value in state.items():
        page.session_state[key] = value
    return page.run()


def _texts(page: AppTest) -> str:
    kinds = (page.title, page.markdown, page.caption, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind)


def _press(page: AppTest, label: str) -> AppTest:
    return next(item for item in page.button if item.label == label).click().run()


def _confirm(page: AppTest) -> None:
    """Answer the question; AppTest runs the whole page, so it must be asked for again."""
    next(item for item in page.button if item.label == "Delete").click()
    _press(page, "Delete it")


def test_with_nothing_kept_it_says_how(save_model):
    save_model("first")
    page = _open(media_tab=KEPT_TAB)
    assert not page.exception
    assert "Nothing kept yet" in _texts(page) and "press **Keep**" in _texts(page)


@pytest.mark.parametrize("is_ticked", [False, True])
def test_pictures_are_kept_under_a_name(save_model, app_workspace, is_ticked):
    save_model("first")
    page = _open(show_sample=True, detector="whole-image")
    page.text_input[0].set_value("  Portrait of 1999 ")
    for key in ("keep-pictures-0-media", "keep-pictures-0-faces"):
        page.checkbox(key=key).set_value(is_ticked)
    _press(page, "Keep it")
    assert not page.exception and not page.error
    assert "Kept." in _texts(page)
    (kept,) = list_analyses(app_workspace)
    assert kept.name == "Portrait of 1999" and kept.facts.sources[0].name == "sample.png"
    pictures = {"annotated/0001.png", "faces/0001-001.jpg"}
    assert set(kept.facts.files) == {"faces.parquet", *(pictures if is_ticked else ())}
    shown = _open(kept.key)
    assert not shown.exception and not shown.error
    assert "Portrait of 1999" in _texts(shown) and "1 face: " in _texts(shown)


def test_a_name_of_nothing_is_refused_on_the_page(save_model, app_workspace):
    save_model("first")
    page = _open(show_sample=True, detector="whole-image")
    page.text_input[0].set_value(" ")
    _press(page, "Keep it")
    assert "can't be the name of an analysis" in page.error[0].value
    assert list_analyses(app_workspace) == []


def test_one_is_shown_renamed_and_deleted(save_model, app_workspace):
    save_model("first")
    key = keep_faces(app_workspace, "Team [photo](x)", FACES, empty=["b.png"])
    page = _open(key)
    assert not page.exception
    assert r"Team \[photo\](x)" in _texts(page), "no link"
    assert "2 faces: 1 happiness, 1 anger" in _texts(page)
    assert "2 pictures · small · haar · prior training" in _texts(page)
    page.text_input[0].set_value("Office")
    _press(page, "Rename it")
    assert load_analysis(app_workspace, key).name == "Office"
    _press(page, "Delete")
    assert "**Office** with its table" in _texts(page)
    _confirm(page)
    assert not page.exception
    assert list_analyses(app_workspace) == []
    assert "Nothing kept yet" in _texts(page) and not page.query_params


def test_two_are_compared_in_a_sentence(save_model, app_workspace):
    save_model("first")
    first = keep_faces(app_workspace, "one", FACES)
    smiles = [FACES[0], (*FACES[1][:2], SMILE)]
    second = keep_faces(app_workspace, "two", smiles, settings={"prior": "uniform"})
    page = _open(first, second)
    assert not page.exception
    # Happiness: (80 + 30) / 2 and (80 + 80) / 2; anger: 30 and 0.
    assert "1 of 2 faces with the same label · largest difference: anger 30 % → 0 %" in _texts(page)
    assert "prior: training → uniform" in _texts(page)
    other = keep_faces(app_workspace, "three", [("z.png", (0, 0, 9, 9), FROWN)])
    assert "They are of different files" in _texts(_open(first, other))


def test_a_damaged_one_says_why_and_can_be_deleted(save_model, app_workspace):
    save_model("first")
    key = keep_faces(app_workspace, "broken", FACES)
    (app_workspace.analyses / key / "faces.parquet").unlink()
    listed = _open(media_tab=KEPT_TAB)
    assert listed.dataframe[0].value["of"].tolist() == ["damaged: open it to see why"]
    page = _open(key)
    assert not page.exception
    assert "faces.parquet is missing" in page.error[0].value
    _confirm(_press(page, "Delete"))
    assert list_analyses(app_workspace) == []


def test_each_visitor_sees_their_own(save_model, app_workspace, monkeypatch):
    save_model("first")
    facts = {"owner": "me@here"}
    for module in (kept_list, kept_view):
        monkeypatch.setattr(module, "get_visitor", lambda: "other@here")
    key = keep_faces(app_workspace, "mine", FACES, **facts)
    assert "Nothing kept yet" in _texts(_open(media_tab=KEPT_TAB))
    assert "there is no analysis" in _open(key).error[0].value
    for module in (kept_list, kept_view):
        monkeypatch.setattr(module, "get_visitor", lambda: "me@here")
    assert not _open(key).error


@pytest.mark.parametrize("key", ["../../etc", "20261128T073000-abcdef", ""])
def test_an_address_of_nothing_is_told(save_model, key):
    save_model("first")
    page = _open(key)
    assert not page.exception
    assert "analysis" in page.error[0].value and [item for item in page.button if item.label == "All kept"]
    assert Key.KEPT_LIST not in page.session_state
