"""`fer doctor` says what is there, what is missing and how to get it; `fer app` opens the dashboard."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from fer_core.cli import main
from fer_core.inference.downloads import YUNET, install_file
from fer_core.workspace import Workspace
from tests.e2e.dashboard import wait_until_healthy


def examine(capsys, status=0):
    assert main(["doctor", "--json"]) == status
    return {item["name"]: item for item in json.loads(capsys.readouterr().out)}


def test_it_says_how_to_get_what_is_missing(workspace, capsys, monkeypatch):
    found = examine(capsys)
    assert found["models"]["state"] == "ok" and "fer-small" in found["models"]["text"]
    assert str(workspace.root) in found["workspace"]["text"]
    assert found["face detector"]["state"] == "missing"
    assert "fer fetch yunet" in found["face detector"]["remedy"]
    assert "FER_OFFLINE" in found["face detector"]["text"]
    assert found["videos"]["state"] == "ok" and "h264" in found["videos"]["text"]
    assert found["training"]["state"] == "ok"
    monkeypatch.setattr("fer_core.doctor.find_spec", lambda name: None if name == "torch" else object())
    assert examine(capsys)["training"]["remedy"] == "pip install 'fer-workbench[train]'"
    assert not workspace.root.exists(), "looking leaves no trace"


@pytest.mark.parametrize(("usable", "expected"), [(64, "64 cores"), (2, "2 cores of the machine's 64: ")])
def test_it_says_how_many_cores_there_are(workspace, capsys, monkeypatch, usable, expected):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr("fer_core.doctor.count_cores", lambda: usable)
    assert expected in examine(capsys)["processor"]["text"]


def test_it_finds_the_better_detector(workspace, capsys, shared):
    install_file(YUNET, workspace, shared / "models" / YUNET.file_name)
    assert examine(capsys)["face detector"]["state"] == "ok"


def test_what_nothing_works_without_is_an_exit_status(workspace, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "none"))
    assert examine(capsys, status=1)["models"]["state"] == "broken"
    assert main(["doctor"]) == 1
    assert "!! models" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="a signal ends it")
def test_the_dashboard_opens(workspace, tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "fer_core", "app", "--port", str(port), "--no-browser"]
        server = subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_healthy(f"http://localhost:{port}", server, log)
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=30) as answer:
            assert answer.status == 200
        assert "YuNet is not installed" in log.read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
