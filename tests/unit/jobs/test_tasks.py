"""Background tasks: real `fer` commands that a named pipe holds up for as long as a test wants."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fer_core.cli import main
from fer_core.cli.terminal import show_progress
from fer_core.errors import ConfigError, FerError, RunError
from fer_core.jobs import tasks
from fer_core.jobs.task_process import work_on_task
from fer_core.jobs.tasks import (
    BackgroundTask,
    cancel_task,
    delete_task,
    find_task,
    list_tasks,
    load_task,
    prune_tasks,
    start_task,
)
from fer_core.progress import Progress, ProgressFile, keep_result, read_progress
from fer_core.workspace import TASK_VARIABLE, Workspace
from tests.background import waiting_command

DAY_S = 24 * 3600.0


@pytest.fixture
def held(workspace: Workspace, tmp_path: Path) -> Iterator[BackgroundTask]:
    """A task that waits for its settings, which come through a pipe."""
    task = start_task(
        workspace,
        kind="estimate",
        title="Estimate",
        command=waiting_command(tmp_path),
        page="train?part=new",
        facts={"rows": (1, 2), "device": "cpu"},
    )
    yield wait(task, lambda seen: seen.state == "running")
    if (last := find_task(workspace, "estimate")) and last.is_active:
        os.kill(last.status.pid, signal.SIGKILL)


def wait(task: BackgroundTask, until: Callable[[BackgroundTask], bool]) -> BackgroundTask:
    """Read a task until it is as wanted; the limit of the test ends it."""
    while not until(task):
        time.sleep(0.02)
        task = load_task(Workspace(task.folder.parent.parent), task.name)
    return task


def has_ended(task: BackgroundTask) -> bool:
    return not task.is_active


def make(workspace: Workspace, name: str, *, age_s: float = 0.0, state: str = "finished") -> Path:
    """A task as one that ended some time ago left it."""
    folder = workspace.tasks / name
    folder.mkdir(parents=True)
    described = {"kind": "x", "title": "X", "command": [], "page": "train", "facts": {}, "created": 0}
    (folder / "task.json").write_text(json.dumps(described))
    (folder / "status.json").write_text(json.dumps({"state": state, "ended": time.time() - age_s}))
    return folder


def test_a_command_runs_by_itself_and_is_found_by_its_facts(
    workspace: Workspace, held: BackgroundTask
) -> None:
    assert find_task(workspace, "estimate", {"rows": (1, 2)}) == held
    assert find_task(workspace, "estimate", {"rows": (1, 3)}) is None
    assert find_task(workspace, "export") is None
    assert held.is_active and not held.error and held.result() is None and held.ended is None
    assert os.getsid(held.status.pid) == held.status.pid, "a session of its own: it outlives the server"

    other = start_task(workspace, kind="list", title="List", command=["runs"], page="train")
    done = wait(other, has_ended)
    assert (done.state, done.error) == ("finished", "")
    assert "no runs in" in done.read_log()
    assert [task.name for task in list_tasks(workspace)] == [other.name, held.name], "newest first"


def test_tasks_of_a_queue_wait_for_those_before_and_a_killed_one_holds_nobody_up(
    workspace: Workspace, tmp_path: Path
) -> None:
    def start(command: list[str], queue: str) -> BackgroundTask:
        return start_task(workspace, kind="x", title="X", command=command, page="train", queue=queue)

    first = wait(start(waiting_command(tmp_path), "q"), lambda seen: seen.state == "running")
    second, other = start(["tasks"], "q"), start(["tasks"], "another")
    wait(other, has_ended)
    waiting = wait(second, lambda seen: "waiting for 1" in seen.progress.text)
    third = wait(start(["tasks"], "q"), lambda seen: "waiting for 2" in seen.progress.text)
    assert waiting.state == third.state == "queued" and first.status.pid is not None
    cancel_task(workspace, third.name)
    assert wait(third, has_ended).state == "cancelled"
    os.kill(first.status.pid, signal.SIGKILL)
    assert wait(second, has_ended).state == "finished"


def test_an_error_is_told_in_the_words_of_the_command(workspace: Workspace, held: BackgroundTask) -> None:
    Path(held.command[-1]).write_text("epochs = 0\n")
    done = wait(held, has_ended)
    assert done.state == "failed"
    assert "epochs" in done.error and "Error" not in done.error


def test_wrong_usage_points_to_what_was_printed(workspace: Workspace) -> None:
    done = wait(start_task(workspace, kind="x", title="X", command=["runs", "show"], page="train"), has_ended)
    assert done.state == "failed"
    assert done.error.startswith("the command ended with status 2: ")


def test_a_cancelled_task_ends_and_a_second_time_changes_nothing(
    workspace: Workspace, held: BackgroundTask
) -> None:
    cancel_task(workspace, held.name)
    done = wait(held, has_ended)
    assert (done.state, done.error) == ("cancelled", "")
    cancel_task(workspace, held.name)
    assert load_task(workspace, held.name).state == "cancelled"


def test_a_killed_task_says_so(workspace: Workspace, held: BackgroundTask) -> None:
    psutil.Process(held.status.pid).kill()
    done = wait(held, has_ended)
    assert done.state == "interrupted"
    assert "killed, out of memory" in done.error


def test_another_process_with_the_same_number_is_no_task_and_is_left_alone(workspace: Workspace) -> None:
    folder = make(workspace, "20260101T000000-x-abc", state="running")
    status = {"state": "running", "host": tasks.get_host(), "pid": os.getpid()}
    stranger = {**status, "process_started": 1.0, "process_birth": "another-boot/1", "heartbeat": time.time()}
    (folder / "status.json").write_text(json.dumps(stranger))
    task = load_task(workspace, folder.name)
    assert task.state == "interrupted"
    cancel_task(workspace, folder.name)  # would end the test itself
    assert not (folder / "cancel-requested").exists()


def test_what_a_command_reports_and_finds_is_there_for_a_reader(workspace: Workspace) -> None:
    folder = make(workspace, "20260101T000000-x-abc", state="queued")

    def run() -> int:
        with show_progress("loading") as show:
            assert read_progress(folder / "progress.jsonl") == Progress(0, 0, "loading")
            show(1, 4, "1 of 4 faces")
            seen = load_task(workspace, folder.name)
            assert seen.state == "running"
            assert (seen.progress.share, seen.progress.text) == (0.25, "1 of 4 faces")
            show(4, 4)
        keep_result({"accuracy": 0.5, "missing": float("nan")})
        return 0

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert work_on_task(folder, run) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    task = load_task(workspace, folder.name)
    assert task.state == "finished"
    assert task.result() == {"accuracy": 0.5, "missing": None}
    assert task.progress == Progress(4, 4, "1 of 4 faces")


def test_an_unexpected_error_is_told_and_logged(workspace: Workspace, caplog) -> None:
    folder = make(workspace, "20260101T000000-x-abc", state="queued")

    def run() -> int:
        raise ZeroDivisionError("nothing to divide by")

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert work_on_task(folder, run) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert load_task(workspace, folder.name).error == "ZeroDivisionError: nothing to divide by"
    assert "Traceback" in caplog.text


def test_progress_is_a_few_lines_a_second_but_never_misses_an_end(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "progress.jsonl")
    for number in range(1001):
        file.write(Progress(number, 1000, f"{number} of 1000"))
    assert read_progress(tmp_path / "progress.jsonl").done == 1000
    file.write(Progress(0, 0, "resampling"))
    with (tmp_path / "progress.jsonl").open("a") as torn:
        torn.write('{"done": 1, "tot')
    assert read_progress(tmp_path / "progress.jsonl").text == "resampling"
    assert read_progress(tmp_path / "none") == Progress()


def test_files_go_in_and_their_places_are_known_to_the_command(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"copied")
    with (tmp_path / "there").open("rb") as opened:
        task = start_task(
            workspace,
            kind="x",
            title="X",
            command=["--version", "{inputs}/a.txt", "--output={files}/b", "--name=a{files}"],
            page="train",
            inputs={"a.txt": b"bytes", "path.txt": tmp_path / "there", "open.txt": opened},
        )
    assert task.command == (
        "--version",
        f"{task.inputs}/a.txt",
        f"--output={task.files}/b",
        "--name=a{files}",
    )
    assert (task.inputs / "a.txt").read_bytes() == b"bytes"
    assert (task.inputs / "path.txt").read_bytes() == (task.inputs / "open.txt").read_bytes() == b"copied"
    assert task.files.is_dir()
    with pytest.raises(ConfigError, match="name of a file"):
        start_task(workspace, kind="x", title="X", command=[], page="", inputs={"../a": b""})


def test_only_old_tasks_go_by_themselves(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "KEPT_COUNT", 2)
    for name, age_s in (("a", 8 * DAY_S), ("b", 2 * DAY_S), ("c", 0.5 * DAY_S), ("d", 0.0), ("e", 0.0)):
        make(workspace, name, age_s=age_s)
    prune_tasks(workspace)
    assert [task.name for task in list_tasks(workspace)] == ["e", "d", "c"], "none of the last day"


def test_what_is_at_work_is_not_deleted_and_damage_is(workspace: Workspace, held: BackgroundTask) -> None:
    with pytest.raises(RunError, match="cancel it first"):
        delete_task(workspace, held.name)
    folder = make(workspace, "20260101T000000-x-abc")
    (folder / "task.json").write_text('{"kind": 1}')
    assert [task.name for task in list_tasks(workspace)] == [held.name]
    with pytest.raises(RunError, match="does not hold what it should"):
        load_task(workspace, folder.name)
    delete_task(workspace, folder.name)
    assert not folder.exists()
    with pytest.raises(FerError, match="there is no task"):
        delete_task(workspace, folder.name)


def test_the_command_line_lists_shows_cancels_and_deletes(
    workspace: Workspace, held: BackgroundTask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert TASK_VARIABLE not in os.environ
    assert main(["tasks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "running"
    assert main(["tasks", "cancel", held.name]) == 0
    wait(held, has_ended)
    assert main(["tasks", "show", held.name]) == 0
    assert '"state": "cancelled"' in capsys.readouterr().out
    assert main(["tasks", "delete", held.name]) == 0
    capsys.readouterr()
    assert main(["tasks"]) == 0
    assert capsys.readouterr().out.startswith("no tasks in ")


def test_the_list_cuts_no_name_and_what_has_finished_is_done(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = make(workspace, "20261128T023522356-benchmark-2e64b3")
    (folder / "progress.jsonl").write_text('{"done": 3, "total": 5, "text": "ended early"}\n')
    assert main(["tasks"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:3] == [folder.name, "finished", "100%"]
