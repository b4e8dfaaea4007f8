"""A day of commands: nobody is contacted, and no secret of the environment is written anywhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fer_core.redact import redact
from fer_core.runs.reader import load_run
from fer_core.workspace import PROJECT_ROOT, Workspace

SECRETS = {
    "HF_TOKEN": "hf_canary4QpZxTdVbN",
    "HUGGING_FACE_HUB_TOKEN": "hf_canary7LmKjHgFdS",
    "KAGGLE_USERNAME": "canary-user",
    "KAGGLE_KEY": "canary1f2e3d4c5b6a",
    "WANDB_API_KEY": "canaryWandb0987654321",
    "AWS_SECRET_ACCESS_KEY": "canaryAws/abcdefgh",
    "FER_ICE_SERVERS": '[{"urls": "turn:t.example:3478", "username": "u", "credential": "canaryTurn123"}]',
}
CANARY = "canary"


@pytest.fixture(scope="module")
def day(tmp_path_factory, outbound):
    """The folder that the commands worked in, and what they printed."""
    folder = tmp_path_factory.mktemp("day")
    environment = os.environ | outbound.environment | SECRETS
    environment |= {"FER_WORKSPACE": str(folder / "workspace"), "HF_HUB_OFFLINE": "", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] += os.pathsep + str(PROJECT_ROOT)
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.commands", str(folder)],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    workspace = Workspace(folder / "workspace")
    assert load_run(workspace.run("second")).state in ("queued", "running", "finished"), "the detached one"
    return folder, done.stdout + done.stderr


def test_no_command_contacts_anybody(day, outbound):
    assert not outbound.read()


def test_the_guard_sees_and_refuses(outbound, tmp_path):
    """The test above can fail: a look-up, a connection and a child's connection are all noted."""
    log = tmp_path / "attempts.log"
    code = (
        "import socket, subprocess, sys, urllib.request\n"
        "for work in (lambda: socket.getaddrinfo('example.org', 443),\n"
        "             lambda: socket.create_connection(('192.0.2.1', 80), 1),\n"
        "             lambda: urllib.request.urlopen('http://[2001:db8::1]/', timeout=1)):\n"
        "    try:\n        work()\n    except OSError:\n        continue\n    sys.exit('it went through')\n"
        "child = \"import socket; socket.create_connection(('198.51.100.7', 80), 1)\"\n"
        "assert subprocess.run([sys.executable, '-c', child], capture_output=True).returncode != 0\n"
    )
    environment = os.environ | outbound.environment | {"FER_NETWORK_LOG": str(log)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    seen = log.read_text()
    for address in ("example.org", "192.0.2.1", "2001:db8::1", "198.51.100.7"):
        assert address in seen


def test_no_secret_is_written_or_printed(day):
    folder, printed = day
    assert CANARY not in printed
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    kinds = {path.suffix for path in found}
    assert {".json", ".toml", ".onnx", ".safetensors", ".zip", ".mp4", ".txt", ".parquet"} <= kinds
    assert [path for path in found if CANARY.encode() in path.read_bytes()] == []
    with zipfile.ZipFile(folder / "first.zip") as archive:
        assert [name for name in archive.namelist() if CANARY.encode() in archive.read(name)] == []


def test_no_secret_is_on_a_command_line(day, outbound):
    children = outbound.read_children()
    assert "fer_core.jobs.worker" in children, "the detached run was one"
    assert CANARY not in children


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no token here", "no token here"),
        (f"401 for {SECRETS['HF_TOKEN']}", "401 for ***"),
        (
            "GET https://x.example/f?X-Amz-Signature=abc123&n=1",
            "GET https://x.example/f?X-Amz-Signature=***&n=1",
        ),
        ("rtsp://admin:pass@10.0.0.3/live", "rtsp://***@10.0.0.3/live"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ***"),
    ],
)
def test_messages_are_without_secrets(monkeypatch, text, expected):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    assert redact(text) == expected


def test_an_error_of_a_hub_is_shown_without_the_token(monkeypatch):
    import huggingface_hub

    from fer_core.data.download import fetch_source
    from fer_core.errors import DataError

    monkeypatch.setenv("HF_TOKEN", SECRETS["HF_TOKEN"])

    def fail(*_arguments, **_options):
        raise OSError(f"401 for url https://hub.example/x?token={SECRETS['HF_TOKEN']}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(DataError, match="401") as error:
        fetch_source("hf:me/faces")
    assert CANARY not in str(error.value)


def test_a_traceback_in_a_log_is_without_the_token(monkeypatch, workspace):
    import logging

    from tests.small_runs import save_small_run

    monkeypatch.setenv("HF_TOKEN", SECRETS["HF_TOKEN"])
    writer = save_small_run(workspace, "logged")
    handler = writer.open_log()
    try:
        raise RuntimeError(f"refused {SECRETS['HF_TOKEN']}")
    except RuntimeError:
        handler.emit(logging.LogRecord("x", logging.ERROR, "x", 1, "failed", (), exc_info=sys.exc_info()))
    finally:
        handler.close()
    text = (Path(writer.folder) / "log.txt").read_text()
    assert "RuntimeError: refused ***" in text
    assert CANARY not in text
