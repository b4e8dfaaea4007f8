"""The Studies page: before the first study, making one, its recordings, results and errors."""

import json
import subprocess
import sys
import time

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from fer_core.io import write_json
from fer_core.runs.process import ProcessIdentity
from fer_core.studies import create_study, list_studies, load_study
from fer_core.studies.adding import add_recordings, change_facts
from fer_core.studies.analyzing import analyze
from fer_core.studies.events import Event, add_events
from fer_core.studies.new_recordings import NewRecording
from fer_core.studies.persons import list_persons
from fer_core.studies.running import list_jobs
from fer_core.studies.state import WorkStatus, failure_file, running_file
from fer_core.studies.study import STUDY_FILE
from fer_core.studies.task import KIND
from fer_core.workspace import PROJECT_ROOT
from tests.app.test_background import write_task
from tests.unit.inference.videos import make_video
from tests.unit.studies.test_projects import make_task

PAGE = str(PROJECT_ROOT / "pages" / "studies.py")


@pytest.fixture
def study(workspace, tmp_path):
    """Two recordings that are done, one that failed, one that waits."""
    study = create_study(workspace, "smiles", model="fer-tiny", detector="whole-image", codes=["smile"])
    files = []
    for number in range(4):
        path = make_video(tmp_path / f"r{number}.mp4", 6)
        facts = {"participant": f"p{number}", "condition": ("calm", "loud")[number % 2]}
        files.append(NewRecording(path=path, facts=facts))
    add_recordings(study, files)
    (tmp_path / "r2.mp4").unlink()
    for job in list_jobs(study)[:3]:
        analyze(job)
    return study


def open_page(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.query_params.update(query)
    page.run()
    assert not page.exception
    return page


def click(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception


def read(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.info, page.error, page.warning, page.title, page.code)
    return "\n".join(item.value for kind in kinds for item in kind)


def test_the_first_study_is_made(app_workspace, save_model):
    save_model("mine")
    page = open_page()
    assert "No study yet" in read(page)
    click(page, "Make the study")
    assert "the study has no name yet" in page.error[0].value
    page.text_input(key="study_name").set_value("first study")
    click(page, "Make the study")
    assert "can't be the name of a study" in page.error[0].value
    page.text_input(key="study_name").set_value("first").run()
    click(page, "Make the study")
    assert not page.exception
    made = list_studies(app_workspace)
    assert [study.name for study in made] == ["first"] and made[0].settings.model == "mine/best"
    assert page.query_params["study"] == "first" and "No recordings yet" in read(page)


def test_a_study_shows_states_and_reasons(study):
    page = open_page(study="smiles")
    text = read(page)
    assert "**2** of 4 done" in text and "**1** failed" in text and "1 waiting" in text
    table = page.dataframe[0].value if page.dataframe else page.main
    assert "smiles" in page.title[0].value and table is not None


def test_what_is_no_video_is_said_of_its_name_once_and_without_a_path(study):
    page = open_page(study="smiles")
    uploader = next(item for item in page.file_uploader if item.label.startswith("Videos"))
    uploader.set_value([("fake.mp4", b"text", "video/mp4")]).run()
    (error,) = page.error
    assert error.value.startswith("**fake.mp4** — the file is not a video")
    assert "/" not in error.value and error.value.count("fake") == 1


def test_running_starts_one_task(study, workspace, tasks_at_once, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "fer_core.studies.running.run_study", lambda study, **options: ran.append(study.name) or _outcome()
    )
    page = open_page(study="smiles")
    click(page, "Run the rest")
    assert not page.exception and ran == ["smiles"]


def test_a_page_that_is_reloaded_shows_the_run_as_it_is(study):
    """What a page shows of a run it reads from files, so each new session sees the same."""
    workspace = study_workspace(study)
    facts = {"kind": KIND, "title": "Running a study", "facts": {"study": "smiles"}}
    write_task(workspace, "now", state="running", **facts)
    status = WorkStatus(
        heartbeat=time.time(), num_done=3, num_total=6, **ProcessIdentity.current().to_status()
    )
    write_json(running_file(study, "r3"), status)
    for _ in range(2):
        page = open_page(study="smiles")
        text, labels = read(page), [button.label for button in page.button]
        assert "**2** of 4 done" in text and "waiting" not in text and "Run the rest" not in labels
        assert page.dataframe[0].value["state"].tolist() == ["done", "done", "failed", "running"]
    running_file(study, "r3").unlink()
    write_task(workspace, "now", state="finished", **facts)
    page = open_page(study="smiles")
    assert "1 waiting" in read(page) and "Run the rest" in [button.label for button in page.button]


def _outcome():
    from fer_core.studies.running import RunOutcome

    return RunOutcome(num_before=2)


def test_curves_by_condition_and_around_events(study):
    add_events(study, [Event(recording="r0", start_s=0.2, code="smile")])
    page = open_page(study="smiles", tab="Curves")
    assert [box.label for box in page.selectbox] == ["By", "Time from"]
    page.selectbox(key="study_around").select("smile").run()
    assert not page.exception and "who counts once" not in read(page)
    page.selectbox(key="study_by").select("participant").run()
    assert not page.exception


def test_events_are_marked_by_the_player(study, monkeypatch):
    marks = [{"code": "smile", "start_s": 0.1, "end_s": None, "id": "1 smile"}, None]
    monkeypatch.setattr("app.studies.events_view.render_video_player", lambda *args, **options: marks[0])
    page = open_page(study="smiles", tab="Events")
    page.text_input(key="study_coder").set_value("ann").run()
    events = load_study(study_workspace(study), "smiles").load_events()
    assert list(events.code) == ["smile"] and list(events.recording) == ["r0"]
    page.text_input(key="study_codes_smiles").set_value("smile, frown").run()
    assert load_study(study_workspace(study), "smiles").record.codes == ("smile", "frown")
    page.text_input(key="study_codes_smiles").set_value("smile, smile, big  frown").run()
    assert load_study(study_workspace(study), "smiles").record.codes == ("smile", "big frown")
    page.text_input(key="study_codes_smiles").set_value("1,2,3,4,5,6,7,8,9,0").run()
    assert "10 codes; expected at most 9" in read(page)


def test_people_are_named_and_that_is_undone(study):
    page = open_page(study="smiles", tab="People")
    assert "Nothing is recognised" in read(page)
    click(page, "The first one is the participant")
    assert list_persons(study, "r0") == {1: "p0"}
    click(page, "Undo")
    assert list_persons(study, "r0") == {}
    change_facts(study, pd.DataFrame({"recording": ["r0"], "participant": ["p" * 61]}))
    click(page, "The first one is the participant")
    assert "can't be a name" in read(page)


def test_who_could_be_who_is_proposed_and_decided(study, tasks_at_once):
    change_facts(study, pd.DataFrame({"recording": ["r0", "r1"], "participant": ["p0", "p0"]}))
    page = open_page(study="smiles", tab="People")
    click(page, "Who could be the same?")
    assert "One person?" in read(page)
    click(page, "Yes")
    assert "Type a name first" in page.warning[0].value
    next(box for box in page.text_input if box.label == "Name").set_value("p0").run()
    click(page, "Yes")
    assert list_persons(study, "r0") == list_persons(study, "r1") == {1: "p0"}
    assert "All proposals are decided" in read(page)
    click(page, "Undo")
    assert list_persons(study, "r1") == {}
    click(page, "No")
    assert "All proposals are decided" in read(page) and list_persons(study, "r0") == {}


def study_workspace(study):
    from fer_core.workspace import Workspace

    return Workspace(study.folder.parents[1])


def test_report_and_exports_are_made_in_the_background(study, tasks_at_once):
    page = open_page(study="smiles", tab="Report and export")
    assert "2 of 4 recordings" in page.code[0].value
    click(page, "Make it")
    assert not page.exception and not page.error
    page.selectbox(key="study_product").select("ELAN").run()
    click(page, "Make it")
    assert not page.exception and not page.error


def test_a_project_of_label_studio_brings_the_events_of_all_recordings(study):
    page = open_page(study="smiles", tab="Events")
    uploader = next(item for item in page.file_uploader if "Label Studio" in item.label)
    project = [make_task(f"/data/upload/3/4f9b0c1d-{name}.mp4") for name in ("r0", "r1", "elsewhere")]
    uploader.set_value([("project.json", json.dumps(project).encode(), "application/json")]).run()
    assert not page.exception and not page.error
    assert "2 new events" in [item.value for item in page.toast]
    assert any("of no recording here" in item.value for item in page.toast)
    events = load_study(study_workspace(study), "smiles").load_events()
    assert list(events.recording) == ["r0", "r1"]


@pytest.mark.parametrize("tab", ["Recordings", "People", "Curves", "Events", "Report and export"])
def test_before_anything_is_done_each_part_says_what_to_do(workspace, tab):
    create_study(workspace, "empty", model="fer-tiny", detector="whole-image")
    text = read(open_page(study="empty", tab=tab))
    assert "yet" in text and "Add" in text


def test_what_is_damaged_or_gone_is_said_above_the_list(study):
    assert "there is no study" in read(open_page(study="nothing"))
    failure_file(study, "r2").write_text("{")
    (study.result_folder("r0") / "summary.json").write_text("{}")
    assert "**1** of 4 done" in read(open_page(study="smiles"))
    (study.folder / "recordings.parquet").write_text("x")
    assert "is no table" in read(open_page(study="smiles"))
    (study.folder / STUDY_FILE).write_text("x")
    assert "can't be read" in read(open_page())


def test_the_page_loads_neither_torch_nor_the_cluster():
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"AppTest.from_file({PAGE!r}, default_timeout=60).run()\n"
        "print([name for name in ('torch', 'distributed', 'dask', 'onnxruntime') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("[]")
