"""Importing on the page, driven without a browser: the same code as `fer import`."""

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.explore_data import import_source
from app.shared.uploads import clean_name
from fer_core.data.store import list_datasets, load_dataset
from fer_core.jobs.tasks import find_task, list_tasks
from tests.unit.data import layouts
from tests.unit.data.pictures import class_files, encode, write_tree, write_zip

pytestmark = pytest.mark.usefixtures("tasks_at_once")


def _script():
    from app.explore_data import import_dataset as import_view

    import_view.render()


def _run(origin: str = "upload") -> AppTest:
    page = AppTest.from_function(_script, default_timeout=60).run()
    return page if origin == "upload" else page.segmented_control(key="import_origin").set_value(origin).run()


def _name_path(path: Path) -> AppTest:
    return _run("path").text_input(key="import_path").set_value(str(path)).run()


def _finish(page: AppTest) -> AppTest:
    """Press Import, and look at what came of it."""
    return page.button(key="import_start").click().run()


def _texts(page: AppTest) -> str:
    return "\n".join(item.value for item in [*page.markdown, *page.caption, *page.success, *page.warning])


def test_nothing_yet_says_what_to_bring(app_workspace):
    page = _run()
    assert not page.exception
    assert "Nothing uploaded yet" in _texts(page)
    assert "No path yet" in _texts(_run("path"))
    assert "kaggle:msambare/fer2013" in _texts(_run("hub"))


def test_class_folders_are_mapped_then_imported(app_workspace, tmp_path):
    files = class_files(classes=("happy", "blorp", "misc"), count=5) | {"happy/cut.jpg": b"no picture"}
    source = write_tree(tmp_path / "My faces", files)
    page = _name_path(source)
    assert not page.exception and not page.error
    assert "16 pictures in class folders" in _texts(page)
    key = f"import_map_{find_task(app_workspace, 'look-into').name}_"
    assert page.selectbox(key=f"{key}happy").value == "happiness"
    assert page.selectbox(key=f"{key}blorp").value is None
    assert page.button(key="import_start").disabled
    assert "Say what every class name means" in _texts(page)
    page.selectbox(key=f"{key}blorp").set_value("fear")
    page.selectbox(key=f"{key}misc").set_value("leave out").run()
    assert "happiness 6, fear 5" in _texts(page)
    page.selectbox(key="import_format").set_value("other").run()
    page.number_input(key="import_height").set_value(32)
    page.number_input(key="import_width").set_value(40)
    page.selectbox(key="import_color").set_value("RGB").run()
    _finish(page)
    assert not page.exception and not page.error
    assert "**10** images of 40 × 32 px, RGB" in page.success[0].value
    info = load_dataset(app_workspace.dataset("my-faces")).info
    assert info.classes == ("happiness", "fear") and info.color == "rgb"
    assert any("1 file was left out" in item.label for item in page.expander)
    # The form is empty again, and the name is taken now: the page asks instead of failing.
    assert page.text_input(key="import_path").value == "" and "No path yet" in _texts(page)
    page.text_input(key="import_path").set_value(str(source)).run()
    key = f"import_map_{find_task(app_workspace, 'look-into').name}_"
    page.selectbox(key=f"{key}blorp").set_value("fear")
    page.selectbox(key=f"{key}misc").set_value("leave out").run()
    assert page.button(key="import_start").disabled
    page.checkbox(key="import_replace").check().run()
    assert not page.button(key="import_start").disabled


def test_an_upload_is_looked_into_imported_and_deleted(app_workspace, tmp_path):
    archive = write_zip(tmp_path / "faces.zip", class_files(count=5))
    page = _run()
    page.file_uploader[0].set_value(("../My faces.zip", archive.read_bytes(), "application/zip")).run()
    assert not page.exception and not page.error
    (task,) = list_tasks(app_workspace)
    assert [path.name for path in task.inputs.iterdir()] == ["My_faces.zip"]
    # Another visit, as after a reload or a new start of the server.
    page = _run()
    assert "10 pictures in class folders" in _texts(page)
    _finish(page)
    assert "**10** images" in page.success[0].value
    assert not task.folder.exists()
    page = _run()
    assert "**10** images" in page.success[0].value and "Nothing uploaded yet" in _texts(page)
    next(item for item in page.button if item.label == "Close this report").click().run()
    assert not page.success and list_tasks(app_workspace) == []


def test_an_upload_can_be_removed(app_workspace):
    page = _run()
    page.file_uploader[0].set_value(("fer2013.zip", b"no archive", "application/zip")).run()
    (task,) = list_tasks(app_workspace)
    if page.error:
        assert str(app_workspace.root) not in page.error[0].value
    page.button(key="import_forget").click().run()
    assert not page.exception
    assert not task.folder.exists()
    assert "Nothing uploaded yet" in _texts(page)


def test_one_emotion_is_not_enough(app_workspace, tmp_path):
    page = _name_path(write_tree(tmp_path / "faces", class_files(classes=("happy", "joy"), count=2)))
    assert page.button(key="import_start").disabled
    assert "two emotions or more" in _texts(page)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "absent", "does not exist"),
        (
            lambda folder: write_tree(folder / "empty", {"a.txt": b"x"}),
            "no pictures or sound in class folders",
        ),
        (lambda folder: write_zip(folder / "a.zip", {"../evil.png": encode()}), "unsafe path"),
        (
            lambda folder: write_tree(folder, {"a.zip": b"PK\x03\x04" + bytes(99)}) / "a.zip",
            "damaged or cut short",
        ),
    ],
)
def test_bad_sources_are_named(app_workspace, tmp_path, make, words):
    page = _name_path(make(tmp_path))
    if not page.error:  # what looks like FER2013 is read only by the import
        _finish(page)
    assert not page.exception
    assert words in page.error[0].value
    assert list_datasets(app_workspace) == []


def test_a_face_crop_reports_its_misses(app_workspace, tmp_path):
    from fer_core.inference.sample import sample_path

    portrait = sample_path().read_bytes()
    files = class_files(count=2) | {"happy/face.png": portrait, "sad/face.png": portrait}
    page = _name_path(write_tree(tmp_path / "faces", files))
    page.toggle(key="import_crop").set_value(True).run()
    page.selectbox(key="import_detector").set_value("haar").run()
    for name in ("import_valid", "import_test"):
        page.number_input(key=name).set_value(0.0)
    page.run()
    _finish(page)
    assert not page.exception and not page.error
    assert "No face was found on 4 of 6 pictures (66.7 %)" in page.warning[0].value


def test_a_path_may_be_named_on_this_machine_only(app_workspace, monkeypatch):
    context = SimpleNamespace(url="http://localhost:8501/explore_data", headers={})
    monkeypatch.setattr(import_source.st, "context", context)
    assert import_source.may_name_paths()
    context.headers = {"X-Forwarded-For": "10.0.0.7"}
    assert not import_source.may_name_paths()
    context.headers, context.url = {}, "http://lab-server:8501/"
    assert not import_source.may_name_paths()
    context.url = "http://localhost:8501/"
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0")
    assert not import_source.may_name_paths()


def test_a_download_that_fails_says_what_to_do_by_hand(app_workspace, monkeypatch):
    def fetch(name):
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=fetch))
    page = _run("hub")
    page.text_input(key="import_hub_id").set_value("kaggle:a/b")
    page.button[0].click().run()
    assert not page.exception
    assert "accept its terms, download the archive" in page.error[0].value


def test_a_download_is_looked_into(app_workspace, monkeypatch, tmp_path):
    source = write_tree(tmp_path / "hub", class_files(count=3))
    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=lambda name: str(source)))
    page = _run("hub")
    page.text_input(key="import_hub_id").set_value("kaggle:a/b")
    page.button[0].click().run()
    assert "6 pictures in class folders" in _texts(page)
    _finish(page)
    assert "**6** images" in page.success[0].value


def test_what_names_no_hub_is_refused(app_workspace):
    page = _run("hub")
    page.text_input(key="import_hub_id").set_value("fer2013")
    page.button[0].click().run()
    assert "names no hub" in page.error[0].value


def test_fer2013_with_votes_needs_no_mapping(app_workspace, tmp_path):
    from tests.unit.data.test_fer2013 import write_csv

    source = write_csv(tmp_path / "fer2013.csv")
    with zipfile.ZipFile(tmp_path / "fer.zip", "w") as archive:
        archive.write(source, "fer2013.csv")
    page = _name_path(tmp_path / "fer.zip")
    assert "FER2013, one CSV" in _texts(page)
    _finish(page)
    assert not page.error
    assert load_dataset(app_workspace.dataset("fer2013")).info.num_images == 4


def _key(workspace: Path, question: str) -> str:
    return f"import_{question}_{find_task(workspace, 'look-into').name}"


def test_parts_of_unknown_split_are_asked_about(app_workspace, tmp_path):
    files = class_files("train/", count=3) | class_files("eval/", count=2)
    page = _name_path(write_tree(tmp_path / "faces", files))
    assert page.button(key="import_start").disabled
    assert "Say which split every part of the source is" in _texts(page)
    page.selectbox(key=f"{_key(app_workspace, 'part')}_eval").set_value("valid").run()
    assert "divides its pictures itself (train 6, valid 4)" in _texts(page)
    _finish(page)
    assert not page.exception and not page.error
    assert load_dataset(app_workspace.dataset("faces")).info.split_counts == {"train": 6, "valid": 4}


def test_numbers_are_asked_about_with_the_known_numberings(app_workspace, tmp_path):
    page = _name_path(write_tree(tmp_path / "faces", class_files(classes=("1", "2"), count=5)))
    assert page.button(key="import_start").disabled
    numbers = page.selectbox(key=_key(app_workspace, "numbers"))
    assert numbers.value is None and any("RAF-DB: 1 surprise, 2 fear" in name for name in numbers.options)
    numbers.set_value("raf-db").run()
    assert "Gives surprise 5, fear 5" in _texts(page)
    _finish(page)
    assert load_dataset(app_workspace.dataset("faces")).info.classes == ("surprise", "fear")


def test_clips_are_kept_together_or_warned_of(app_workspace, tmp_path):
    files = {
        f"{name}/clip{clip}_{frame}.png": encode(2 * clip + (name == "sad"))
        for name in ("happy", "sad")
        for clip in range(6)
        for frame in range(3)
    }
    source = write_tree(tmp_path / "faces", files)
    page = _finish(_name_path(source))
    assert any("--group-by" in item.value for item in page.warning)
    page = _name_path(source)
    page.text_input(key=_key(app_workspace, "group_by")).set_value(r"[a-z]+/clip\d+").run()
    page.checkbox(key="import_replace").check().run()
    _finish(page)
    assert not page.error and not page.warning
    assert load_dataset(app_workspace.dataset("faces")).samples["group"].nunique() == 12


def test_boxes_of_the_source_are_cut_unless_switched_off(app_workspace, tmp_path):
    rows = [f"{n}.png,{('happy', 'sad')[n % 2]},2,2,20,20" for n in range(4)]
    table = "\n".join(["path,label,x,y,width,height", *rows])
    files = {f"{n}.png": encode(n) for n in range(4)}
    source = write_tree(tmp_path / "faces", {"labels.csv": table, **files})
    page = _finish(_name_path(source))
    assert "4 faces were cut out by the boxes" in _texts(page)
    page = _name_path(source)
    page.checkbox(key="import_boxes").uncheck()
    page.checkbox(key="import_replace").check().run()
    assert "cut out by the boxes" not in _texts(_finish(page))


@pytest.mark.parametrize("origin", ["path", "upload"])
def test_what_a_source_is_read_as_can_be_chosen(app_workspace, tmp_path, origin):
    files = class_files(count=4)
    rows = [f"{name},{('angry', 'fear')[number % 2]}" for number, name in enumerate(files)]
    archive = write_zip(tmp_path / "faces.zip", {"labels.csv": "\n".join(["path,label", *rows]), **files})
    page = _run(origin)
    if origin == "path":
        page.text_input(key="import_path").set_value(str(archive)).run()
    else:
        page.file_uploader[0].set_value(("faces.zip", archive.read_bytes(), "application/zip")).run()
    assert "pictures in a CSV" in _texts(page)
    page.selectbox(key=_key(app_workspace, "kind")).set_value("parquet").run()
    assert "nothing for the importer 'parquet'" in page.error[0].value
    page.selectbox(key=_key(app_workspace, "kind")).set_value("folders").run()
    assert "pictures in class folders" in _texts(page) and not page.exception
    _finish(page)
    assert load_dataset(app_workspace.dataset("faces")).info.importer == "folders"


def test_a_published_data_set_is_recognised_and_what_was_chosen_is_said(app_workspace, tmp_path):
    page = _name_path(write_tree(tmp_path / "raf", layouts.rafdb()))
    assert "4 pictures in RAF-DB" in _texts(page) and "the 4 aligned faces are read" in _texts(page)
    _finish(page)
    assert load_dataset(app_workspace.dataset("raf")).info.importer == "raf-db"


@pytest.mark.parametrize("how", ["beside", "path"])
def test_votes_beside_fer2013_are_offered_or_named(app_workspace, tmp_path, how):
    from tests.unit.data.test_fer2013 import write_csv, write_votes

    source = write_csv(tmp_path / "fer2013.csv")
    votes = write_votes(tmp_path / ("fer2013new.csv" if how == "beside" else "votes.csv"))
    page = _name_path(source)
    if how == "path":
        page.text_input(key="import_votes_path").set_value(str(votes)).run()
    _finish(page)
    assert not page.error and not page.exception
    assert load_dataset(app_workspace.dataset("ferplus")).info.has_votes


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b\\My faces.zip", "My_faces.zip"),
        (".hidden.tar.gz", "hidden.tar.gz"),
        ("..", "upload"),
        ("", "upload"),
        ("x" * 300 + ".zip", "x" * 76 + ".zip"),
        ("a..b.zip", "a.b.zip"),
    ],
)
def test_names_of_uploads_are_not_trusted(name, clean):
    assert clean_name(name) == clean


def test_cells_of_a_grid_keep_their_order_where_columns_lie_below_each_other():
    def script():
        import streamlit as st

        from app.shared.grid import iterate_cells

        for cell, number in zip(iterate_cells(5, 2), range(5), strict=True):
            cell.text(str(number))
        st.text("end")

    page = AppTest.from_function(script).run()
    assert [item.value for item in page.text] == ["0", "1", "2", "3", "4", "end"]
