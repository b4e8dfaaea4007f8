"""The Explore data page: empty, with a data set, with a damaged one, and each of its parts."""

import functools
import re
import subprocess
import sys
from collections import Counter

import pytest
from streamlit.testing.v1 import AppTest

from app.explore_data.image_detail import describe_rules
from app.explore_data.overview import build_balance_chart
from app.explore_data.state import Key
from fer_core.config import LabelMode, list_augment_policies
from fer_core.data.builtin import open_dataset
from fer_core.data.label_quality import name_classes
from fer_core.escaping import escape_markdown
from fer_core.labels import EMOTIONS
from fer_core.workspace import PROJECT_ROOT
from tests.unit.data.pictures import class_files, write_tree

pytestmark = pytest.mark.usefixtures("tasks_at_once")
PAGE = str(PROJECT_ROOT / "pages" / "explore_data.py")


def _run(dataset=None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=90)
    if dataset is not None:
        page.query_params["dataset"] = dataset
    return page.run()


def _open_part(page: AppTest, part: str) -> AppTest:
    page.session_state[Key.EXPLORE_PART] = part
    return page.run()


def _texts(page: AppTest) -> str:
    return "\n".join(item.value for kind in (page.markdown, page.caption, page.error) for item in kind)


@pytest.fixture
def faces(app_workspace, draw_faces):
    draw_faces(app_workspace, "faces", num_images=240)
    return open_dataset("faces", app_workspace)


def test_an_empty_workspace_offers_a_first_set(app_workspace, monkeypatch):
    from fer_core.data import builtin

    few = functools.partial(builtin.write_schematic_faces, num_images=240)
    monkeypatch.setattr(builtin, "write_schematic_faces", few)
    page = _run()
    assert not page.exception
    assert "No data set yet" in _texts(page)
    next(item for item in page.button if item.label == "Draw the built-in data set").click().run()
    assert not page.exception and not page.error
    assert "**240** images of 48 × 48 px, grey" in _texts(page)


def test_the_overview_says_what_the_set_is_made_of(faces):
    page = _run()
    assert not page.exception and not page.error
    text = _texts(page)
    assert "**240** images of 48 × 48 px, grey" in text
    assert "with annotators' votes" in text
    assert "for no class has over half of the votes once single votes are dropped (FER+)" in text
    counts = {name: int((name_classes(faces) == name).sum()) for name in EMOTIONS}
    for name, count in counts.items():
        assert f"**{name}** · {count}" in text
    assert page.query_params["dataset"] in ("faces", ["faces"])


def test_bars_are_as_long_as_what_they_count():
    counts = {"train": Counter({"<b>joy": 6, "fear": 2, "": 9}), "valid": Counter({"<b>joy": 1, "fear": 1})}
    html = build_balance_chart(counts)
    assert "&lt;b&gt;joy, train: 6 images, 75.0%" in html and "fear, valid: 1 image, 50.0%" in html
    assert [float(width) for width in re.findall(r"width:([\d.]+)%", html)] == pytest.approx(
        [85, 85 * 50 / 75, 85 * 25 / 75, 85 * 50 / 75], abs=0.01
    )
    assert html.index("joy") < html.index("fear") and "<b>joy" not in html
    assert "9 images are left out" in html and "joy is 2 times as frequent as fear" in html


def test_filters_count_and_page(faces):
    page = _open_part(_run(), "Images")
    assert not page.exception and not page.error
    assert "**240** of 240 images" in _texts(page)
    page.multiselect(key="explore_classes").set_value(["fear"]).run()
    expected = int((name_classes(faces) == "fear").sum())
    assert f"**{expected}** of 240 images" in _texts(page)
    page.multiselect(key="explore_splits").set_value(["valid"]).run()
    both = (name_classes(faces) == "fear") & (faces.samples["split"] == "valid").to_numpy()
    assert f"**{int(both.sum())}** of 240 images" in _texts(page)
    page.text_input(key="explore_text").set_value("nothing like it").run()
    assert "No image matches these filters" in _texts(page)


def test_an_image_in_detail(faces):
    page = _open_part(_run(), "Images")
    page.session_state[Key.EXPLORE_ROW] = 7
    page.run()
    assert not page.exception and not page.error
    text = _texts(page)
    assert "##### Image 7" in text
    for rule, found in describe_rules(faces.votes[7], EMOTIONS).items():
        assert escape_markdown(f"{rule}: {found}") in text
    assert "Most similar images" in text
    page.button(key="explore_close").click().run()
    assert "##### Image 7" not in _texts(page)


def test_rules_of_a_disputed_image():
    """Of ten votes five say fear, four sadness: no majority, but both make up the distribution."""
    import numpy as np

    votes = np.zeros(10)
    votes[EMOTIONS.index("fear")], votes[EMOTIONS.index("sadness")] = 5, 4
    rules = describe_rules(votes, EMOTIONS)
    assert set(rules) == set(LabelMode.__args__)
    assert rules["majority"] == "fear 100%"
    assert rules["crossentropy"] == "fear 56%, sadness 44%"
    votes[EMOTIONS.index("fear")] = 4
    assert describe_rules(votes, EMOTIONS)["majority"] == "left out"


@pytest.mark.parametrize("policy", list_augment_policies())
def test_augmentation_is_that_of_training(faces, policy):
    page = _open_part(_run(), "Augmentation")
    page.selectbox(key="explore_policy").set_value(policy).run()
    assert not page.exception and not page.error
    assert "as it is" in _texts(page)
    if policy == "none":
        assert "nothing is changed" in _texts(page)


def test_a_map_needs_a_model(faces):
    page = _open_part(_run(), "Embedding map")
    assert not page.exception and not page.error
    assert "No model to compute it with" in _texts(page)


def test_a_map_is_made_and_coloured(faces, save_model):
    save_model("first")
    page = _open_part(_run(), "Embedding map")
    page.button(key="explore_map_make").click().run()
    assert not page.exception and not page.error
    assert "of the variance" in _texts(page)
    for coloring in ("Right or wrong", "Predicted"):
        page.selectbox(key="explore_map_color").set_value(coloring).run()
        assert not page.exception and not page.error
    assert "Make the map" not in [item.label for item in page.button]


def test_clean_up_and_adding_are_wired(faces):
    page = _open_part(_run(), "Clean up")
    assert not page.exception and not page.error
    assert page.get("button_group") or page.button
    assert page.query_params["tab"] == "Clean up"
    next(item for item in page.button if item.label == "Add a data set").click().run()
    assert not page.exception and not page.error
    assert "Nothing uploaded yet" in _texts(page)
    next(item for item in page.button if item.label == "Back").click().run()
    assert page.query_params["dataset"] == "faces"


def test_the_address_holds_data_set_and_tab(faces, app_workspace, draw_faces):
    draw_faces(app_workspace, "more", num_images=120)
    page = AppTest.from_file(PAGE, default_timeout=90)
    page.query_params["dataset"], page.query_params["tab"] = "more", "Images"
    page.run()
    assert "**120** of 120 images" in _texts(page)
    page.segmented_control(key=Key.EXPLORE_PART).set_value("Overview").run()
    assert "tab" not in page.query_params
    page.selectbox(key=Key.EXPLORE_DATASET).set_value("faces").run()
    assert page.query_params["dataset"] == "faces"
    assert "**240** images" in _texts(page)
    page.query_params["dataset"], page.query_params["tab"] = "more", "Images"  # a link within the session
    page.run()
    assert "**120** of 120 images" in _texts(page)


def test_a_set_of_the_address_that_is_gone_is_told(faces):
    page = AppTest.from_file(PAGE, default_timeout=90)
    page.query_params["dataset"] = "go`ne"
    page.run()
    assert not page.exception
    assert "There is no data set `` go`ne `` on this machine" in page.warning[0].value
    assert "**240** images" in _texts(page)


def test_after_an_import_the_new_set_is_open(faces, tmp_path):
    source = write_tree(tmp_path / "mine", class_files(count=5))
    page = _run()
    next(item for item in page.button if item.label == "Add a data set").click().run()
    page.segmented_control(key="import_origin").set_value("path").run()
    page.text_input(key="import_path").set_value(str(source)).run()
    page.button(key="import_start").click().run()
    assert not page.exception and not page.error
    assert page.query_params["dataset"] == "mine"
    assert page.selectbox(key=Key.EXPLORE_DATASET).value == "mine"
    assert "has **10** images" in page.success[0].value
    assert "import_start" not in [item.key for item in page.button]
    next(item for item in page.button if item.label == "Close this report").click().run()
    assert not page.success
    next(item for item in page.button if item.label == "Add a data set").click().run()
    assert page.query_params["dataset"] == "+"  # it is opened once, not for ever


def _routed() -> None:
    """The page as app/Home.py runs it; AppTest reads this function's source, hence the imports inside."""
    import runpy

    from app.shared.messages import error_boundary
    from fer_core.workspace import PROJECT_ROOT

    with error_boundary():
        runpy.run_path(str(PROJECT_ROOT / "pages" / "explore_data.py"), run_name="__main__")


def test_a_damaged_set_is_told_and_the_chooser_stays(faces):
    (faces.folder / "samples.parquet").write_bytes(b"no")
    page = AppTest.from_function(_routed, default_timeout=90).run()
    assert not page.exception
    (error,) = page.error
    assert "samples.parquet" in error.value and "import the data set again" in error.value
    assert page.selectbox(key=Key.EXPLORE_DATASET).value == faces.info.name


def test_looking_loads_no_torch(faces):
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({PAGE!r}, default_timeout=90).run()\n"
        "assert not page.exception, page.exception\n"
        f"page.session_state[{str(Key.EXPLORE_PART)!r}] = 'Images'\n"
        f"page.session_state[{str(Key.EXPLORE_ROW)!r}] = 3\n"
        "page.run()\nassert not page.exception, page.exception\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180, cwd=PROJECT_ROOT)
