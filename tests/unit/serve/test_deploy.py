"""What the container files start is what the program takes; they run as nobody and write little."""

import json
import re
from pathlib import Path

import pytest

from fer_core.cli import main
from fer_core.serve import server
from fer_core.serve.settings import KEYS_VARIABLE

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
FILES = sorted(DEPLOY.glob("Containerfile*"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_container_is_nobody_and_starts_the_service(file, monkeypatch, workspace):
    text = file.read_text()
    words = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
    started = []
    monkeypatch.setattr(server, "run_server", lambda spec, settings, announce: started.append(settings))
    monkeypatch.setenv(KEYS_VARIABLE, "a-key-of-twenty-letters")
    words = [word.replace("cuda", "cpu") for word in words]
    assert main([*words, "--model", "fer-tiny"]) == 0
    assert started[0].host == "0.0.0.0" and len(started[0].keys) == 1
    monkeypatch.delenv(KEYS_VARIABLE)
    assert main(words) == 1, "open to others it needs keys"
    last_stage = text[text.rindex("\nFROM") :]
    assert last_stage.index("USER 10001:10001") < last_stage.index("ENTRYPOINT")
    assert "FER_WORKSPACE=/data" in last_stage and "FER_OFFLINE=1" in last_stage


def test_what_runs_them_leaves_nothing_writable():
    compose, kubernetes = ((DEPLOY / name).read_text() for name in ("compose.yaml", "kubernetes.yaml"))
    assert (
        compose.count("read_only: true") == compose.count("cap_drop: [ALL]") == compose.count("build:") == 2
    )
    assert all('"127.0.0.1:' in line for line in compose.splitlines() if "ports:" in line)
    for words in ("runAsNonRoot: true", "readOnlyRootFilesystem: true", "drop: [ALL]", "path: /ready"):
        assert words in kubernetes
