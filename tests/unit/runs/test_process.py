"""Who works on a run, task or search: nobody is taken for another, and no stop reaches a stranger."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fer_core.errors import FerError, RunError
from fer_core.jobs import control, tasks
from fer_core.runs import heartbeat, process
from fer_core.runs.process import ProcessIdentity
from fer_core.runs.reader import list_runs, load_run
from fer_core.workspace import Workspace
from tests.small_runs import save_small_run

Write = Callable[[dict], Path]
NONSENSE = [-1, 0, 2**31, 2**70, "12", "", 3.5, 12.0, True, [], {}]


def _write(path: Path, facts: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts))
    return path.parent


def _save_run(workspace: Workspace, facts: dict) -> Path:
    folder = save_small_run(workspace, "it").folder
    return _write(folder / "status.json", {"state": "running", **facts})


def _save_task(workspace: Workspace, facts: dict) -> Path:
    folder = workspace.tasks / "it"
    _write(
        folder / "task.json",
        {"kind": "x", "title": "X", "command": [], "page": "train", "facts": {}, "created": 0},
    )
    return _write(folder / "status.json", {"state": "running", **facts})


KINDS = {
    "run": (_save_run, lambda workspace: control.stop_run("it", workspace), "stop-requested"),
    "task": (_save_task, lambda workspace: tasks.cancel_task(workspace, "it"), "cancel-requested"),
}
of_each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen]:
    """A process that is none of this program's."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        yield other
        other.kill()


def identify(other: subprocess.Popen) -> ProcessIdentity:
    me = ProcessIdentity.current()
    started = psutil.Process(other.pid).create_time()
    return dataclasses.replace(me, pid=other.pid, started=started, birth=process._read_birth(other.pid) or "")


@of_each_kind
def test_a_stop_reaches_no_process_of_another_program(workspace, stranger, kind):
    save, stop, marker = KINDS[kind]
    facts = identify(stranger).to_status() | {"heartbeat": time.time()}
    folder = save(workspace, facts)
    with pytest.raises(RunError, match=f"names process {stranger.pid}, which runs no command of this"):
        stop(workspace)
    assert stranger.poll() is None
    assert not (folder / marker).exists()


@of_each_kind
@pytest.mark.parametrize("pid", NONSENSE)
def test_a_pid_that_is_none_takes_nothing_down(workspace, kind, pid):
    save, stop, _ = KINDS[kind]
    save(workspace, ProcessIdentity.current().to_status() | {"pid": pid, "heartbeat": time.time()})
    save_small_run(workspace, "other")
    with pytest.raises(FerError, match="pid"):
        stop(workspace)
    assert "other" in [run.name for run in list_runs(workspace)]
    assert tasks.list_tasks(workspace) == []


@of_each_kind
@pytest.mark.parametrize(("age_s", "state"), [(0.0, "running"), (3600.0, "interrupted")])
def test_in_another_container_of_this_name_the_heartbeat_counts(workspace, kind, age_s, state):
    save, stop, _ = KINDS[kind]
    heartbeat._SEEN.clear()
    elsewhere = dataclasses.replace(ProcessIdentity.current(), pid=1, namespace="pid:[1]")
    folder = save(workspace, elsewhere.to_status() | {"heartbeat": time.time() - age_s})
    found = load_run(folder) if kind == "run" else tasks.load_task(workspace, "it")
    assert found.state == state
    if found.is_active:
        with pytest.raises(RunError, match="another container"):
            stop(workspace)


@pytest.mark.skipif(sys.platform != "linux", reason="pid namespaces")
def test_two_real_containers_see_each_others_runs_alive(workspace):
    code = (
        "import sys; from pathlib import Path; from fer_core.workspace import Workspace;"
        "from fer_core.runs.reader import load_run; from tests.small_runs import save_small_run;"
        "workspace = Workspace(Path(sys.argv[1])); save_small_run(workspace, 'inner', state='running');"
        "print(load_run(workspace.run('outer')).state, flush=True); input()"
    )
    save_small_run(workspace, "outer", state="running")
    command = ["unshare", "-Urpf", "--mount-proc", sys.executable, "-c", code, str(workspace.root)]
    try:
        subprocess.run([*command[:3], "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine forbids namespaces")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as inner:
        assert inner.stdout.readline() == "running\n"
        seen = load_run(workspace.run("inner"))
        inner.stdin.close()
    assert seen.status.host == process.get_host()
    assert seen.status.pid < 100, "numbered anew in there"
    assert seen.state == "running"


@pytest.mark.parametrize(
    ("command", "is_ours"),
    [
        ("/v/bin/python3.12 -m fer_core.jobs.worker run-1", True),
        ("/v/bin/python -u -m fer_core sweep mine", True),
        ("/v/bin/python /v/bin/fer train --epochs 3", True),
        ("fer train", True),
        ("/F/Python.app/Contents/MacOS/Python -m fer_core.jobs.worker a", True),
        ("/v/bin/python -m fer_corex", False),
        ("/v/bin/python -m http.server", False),
        ("/v/bin/python -c fer_core", False),
        ("/v/bin/python /v/bin/streamlit run app/Home.py", False),
        ("grep -m fer_core", False),
        ("vim fer", False),
        ("", False),
    ],
)
def test_command_lines(command, is_ours):
    assert process._is_our_command(command.split()) is is_ours


def test_a_process_that_is_hidden_lives_by_its_heartbeat(monkeypatch):
    me = ProcessIdentity.current()

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(
        psutil.Process, "create_time", lambda self: (_ for _ in ()).throw(psutil.AccessDenied())
    )
    assert me.is_alive() is None
    assert dataclasses.replace(me, birth="").is_alive() is None
