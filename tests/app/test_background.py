"""Work in the background as pages show it: tasks are folders that the tests write."""

import dataclasses
import json
import os
import time

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.state import SharedKey
from fer_core.config import dump_config, load_preset
from fer_core.runs.process import ProcessIdentity
from fer_core.workspace import PROJECT_ROOT, Workspace

HOME = str(PROJECT_ROOT / "app" / "Home.py")
TRAIN = str(PROJECT_ROOT / "pages" / "train.py")
ESTIMATE = {
    "device": "cpu",
    "precision": "fp32",
    "num_measured": 10,
    "num_parameters": 278_636,
    "seconds_per_epoch": 2.0,
    "total_seconds": 90.0,
    "images_per_s": 500.0,
    "peak_memory_mb": 300.0,
}


def write_task(workspace: Workspace, name: str, *, state: str, **described: object) -> None:
    """A task whose process is this one, or was."""
    folder = workspace.tasks / name
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"kind": "estimate", "title": "Estimate", "page": "train?part=new", "facts": {}, **described}
    (folder / "task.json").write_text(json.dumps({"command": [], "created": time.time(), **facts}))
    set_state(workspace, name, state)


def set_state(workspace: Workspace, name: str, state: str, **facts: object) -> None:
    process = {**ProcessIdentity.current().to_status(), "heartbeat": time.time()}
    status = workspace.tasks / name / "status.json"
    status.write_text(json.dumps({"state": state, **process, **facts}))
    now = time.time_ns()
    os.utime(status, ns=(now, now))


def texts(page: AppTest) -> str:
    return "\n".join(item.value for kind in (page.markdown, page.caption) for item in kind)


def button(page: AppTest, label: str):
    return next(item for item in page.button if item.label == label)


def test_other_pages_tell_what_is_at_work_until_its_page_was_visited(app_workspace):
    page = AppTest.from_file(HOME, default_timeout=60).run()
    assert not page.exception and "at work" not in str(page.main)
    write_task(app_workspace, "a", state="running")
    write_task(app_workspace, "b", state="finished", title="Of another session")
    (app_workspace.tasks / "a" / "progress.jsonl").write_text('{"done": 3, "total": 4, "text": "step 3"}\n')
    page.run()
    assert not page.exception
    (popover,) = page.main.get("popover")
    assert "1 at work" in popover.proto.popover.label
    link = next(item.proto for item in page.main.get("page_link") if item.proto.label == "Estimate")
    assert "train" in link.page and "part=new" in link.query_string
    assert "75% · step 3" in texts(page)
    set_state(app_workspace, "a", "failed", message="no room")
    page.run()
    assert "1 ended" in page.main.get("popover")[0].proto.popover.label
    assert "failed" in texts(page) and "Of another session" not in texts(page)
    page.switch_page(TRAIN).run()
    assert not page.exception and page.title[0].value == "Train"
    assert not page.session_state[SharedKey.FOLLOWED_TASKS]
    assert not [item for item in page.main.get("popover") if "ended" in item.proto.popover.label]


def test_an_estimate_is_shown_to_whoever_comes_back_until_it_is_dismissed(app_workspace):
    config = load_preset("quick")
    write_task(app_workspace, "a", state="running", facts={"settings": dump_config(config)})
    page = AppTest.from_file(TRAIN, default_timeout=60).run()
    assert not page.exception and not page.error
    assert button(page, "Estimate time and memory").disabled
    assert not button(page, "Cancel").disabled
    assert not button(page, "Find a learning rate").disabled, "another kind of work"
    (app_workspace.tasks / "a" / "result.json").write_text(json.dumps(ESTIMATE))
    set_state(app_workspace, "a", "finished")
    page = AppTest.from_file(TRAIN, default_timeout=60).run()
    assert page.metric[0].value == "1 min 30 s"
    assert "earlier settings" not in texts(page)
    other = dataclasses.replace(config, epochs=3)
    write_task(app_workspace, "a", state="finished", facts={"settings": dump_config(other)})
    page.run()
    assert "earlier settings" in texts(page)
    button(page, "Dismiss").click().run()
    assert not page.exception and not page.metric
    assert not (app_workspace.tasks / "a").exists()


@pytest.mark.parametrize(
    ("state", "said"), [("failed", "no room on the *disk*"), ("interrupted", "killed, out of memory")]
)
def test_a_task_without_a_result_says_why(app_workspace, state, said):
    write_task(app_workspace, "a", state="running")
    gone = {"process_birth": "another-boot/1"} if state == "interrupted" else {"message": said}
    set_state(app_workspace, "a", "running" if gone.get("process_birth") else state, **gone)
    page = AppTest.from_file(TRAIN, default_timeout=60).run()
    assert not page.exception
    assert said in page.error[0].value.replace("\\", "")
    assert not button(page, "Estimate time and memory").disabled
    button(page, "Dismiss").click().run()
    assert not page.error


def test_cancelling_asks_the_process_to_end(app_workspace):
    write_task(app_workspace, "a", state="queued")
    status = app_workspace.tasks / "a" / "status.json"
    status.write_text(json.dumps({"state": "queued", "host": "x", "pid": None, "heartbeat": time.time()}))
    page = AppTest.from_file(TRAIN, default_timeout=60).run()
    button(page, "Cancel").click().run()
    assert not page.exception and not page.error
    assert (app_workspace.tasks / "a" / "cancel-requested").exists(), "for a process that is not up yet"
    assert button(page, "Cancel").disabled


@pytest.mark.parametrize(
    ("told", "shown"), [("step 3", "Step 3"), ("fer-tiny: loading", "fer-tiny: loading")]
)
def test_progress_begins_with_a_capital_but_for_a_name(app_workspace, told, shown):
    write_task(app_workspace, "a", state="running")
    (app_workspace.tasks / "a" / "progress.jsonl").write_text(json.dumps({"done": 1, "text": told}) + "\n")
    page = AppTest.from_file(TRAIN, default_timeout=60).run()
    assert [item.proto.text.replace("\\", "") for item in page.main.get("progress")] == [shown]


def test_a_task_of_which_the_folder_is_damaged_breaks_no_page(app_workspace):
    write_task(app_workspace, "a", state="running")
    (app_workspace.tasks / "a" / "status.json").write_text("{")
    page = AppTest.from_file(HOME, default_timeout=60).run()
    assert not page.exception and not page.error
