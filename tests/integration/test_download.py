"""`fer import hf:owner/name` against a hub on this machine: the real client over real HTTP."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from fer_core.workspace import PROJECT_ROOT
from tests.unit.data.pictures import class_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """The few addresses of the Hugging Face hub that a download of a data set uses."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked = files, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(with_body=True)

    def do_HEAD(self):
        self._answer(with_body=False)

    def _answer(self, *, with_body):
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        for start in (f"/datasets/lab/faces/resolve/{name}/" for name in ("main", COMMIT)):
            if path.startswith(start) and path.removeprefix(start) in self.server.files:
                self._send(self.server.files[path.removeprefix(start)], "application/octet-stream", with_body)
                return
        if path.startswith("/api/datasets/lab/faces/tree/"):
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.server.files.items()
            ]
            self._send(json.dumps(entries).encode(), "application/json", with_body)
        elif path.startswith("/api/datasets/lab/faces"):
            siblings = [{"rfilename": name} for name in self.server.files]
            facts = {"_id": "1", "id": "lab/faces", "sha": COMMIT, "private": False, "gated": False}
            facts |= {"disabled": False, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings}
            self._send(json.dumps(facts).encode(), "application/json", with_body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data, kind, with_body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def log_message(self, *_args):
        pass


@pytest.fixture
def hub():
    server = Hub(class_files("train/", count=3) | {"README.md": b"# Faces"})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def _fer(arguments, workspace, tmp_path, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    return subprocess.run(
        [sys.executable, "-m", "fer_core", *arguments],
        cwd=PROJECT_ROOT,
        env=kept | {"FER_WORKSPACE": str(workspace.root), "HF_HOME": str(tmp_path / "hub")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_data_set_of_the_hub_is_downloaded_and_imported(hub, workspace, tmp_path):
    done = _fer(["import", "hf:lab/faces"], workspace, tmp_path, HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert "6 images of 48x48 px" in done.stdout
    assert any(path.endswith("/train/happy/0.png") for path in hub.asked)
    # Downloaded once: the second time nothing but the version is asked for.
    hub.asked.clear()
    again = _fer(["import", "hf:lab/faces", "--name", "again"], workspace, tmp_path, HF_ENDPOINT=hub.url)
    assert again.returncode == 0, again.stderr
    assert not [path for path in hub.asked if path.endswith(".png")]


@pytest.mark.parametrize(("name", "offline"), [("lab/absent", "0"), ("lab/faces", "1")])
def test_without_access_it_says_what_to_do_by_hand(hub, workspace, tmp_path, name, offline):
    done = _fer(["import", f"hf:{name}"], workspace, tmp_path, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE=offline)
    assert done.returncode == 1
    assert f"By hand: open https://huggingface.co/datasets/{name}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not workspace.datasets.exists()
