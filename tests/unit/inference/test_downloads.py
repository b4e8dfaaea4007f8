"""Downloads, against servers of our own on this machine."""

import dataclasses
import hashlib
import http.server
import os
import socket
import threading

import pytest

from fer_core.errors import FerError
from fer_core.inference.downloads import (
    OFFLINE_VARIABLE,
    YUNET,
    RemoteFile,
    fetch_file,
    fetch_once,
    install_file,
    is_installed,
    require_file,
    weights_path,
)
from fer_core.workspace import Workspace

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server():
    """Serves /good, /short (cut off), /long, /other and 404s for the rest; counts the requests."""
    bodies = {"/good": CONTENT, "/long": CONTENT + b"x" * 10_000_000, "/other": CONTENT[::-1]}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.num_requests += 1
            if self.path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[:1000])
            elif self.path in bodies:
                self.send_response(200)
                self.end_headers()
                try:
                    self.wfile.write(bodies[self.path])
                except ConnectionError:
                    server.was_cut_off = True
            else:
                self.send_error(404)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.num_requests = 0
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def remote(server, path):
    return RemoteFile(
        name="thing",
        title="Thing",
        file_name="thing.bin",
        url=f"http://127.0.0.1:{server.server_port}{path}",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        num_bytes=len(CONTENT),
        license="MIT",
        source="here",
    )


def test_a_good_download_is_checked_and_put_in_place(server, workspace):
    file = remote(server, "/good")
    seen = []
    path = fetch_file(file, workspace, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert is_installed(file, workspace)
    assert require_file(file, workspace) == path
    fetch_file(file, workspace)
    assert server.num_requests == 1, "what is there is not downloaded again"


@pytest.mark.parametrize(
    ("path", "match"),
    [("/short", "bytes"), ("/long", "more than"), ("/other", "SHA-256"), ("/nothing", "404")],
)
def test_a_bad_download_leaves_nothing(server, workspace, path, match):
    file = remote(server, path)
    with pytest.raises(FerError, match=match) as error:
        fetch_file(file, workspace)
    assert "fer fetch thing --from-file" in str(error.value)
    assert not workspace.weights.exists() or list(workspace.weights.iterdir()) == []


def test_a_bad_download_keeps_what_was_there(server, workspace):
    path = fetch_file(remote(server, "/good"), workspace)
    changed = dataclasses.replace(remote(server, "/other"), sha256="0" * 64)
    with pytest.raises(FerError):
        fetch_file(changed, workspace)
    assert path.read_bytes() == CONTENT


def test_no_connection_is_a_clear_error(workspace):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    file = dataclasses.replace(YUNET, url=f"http://127.0.0.1:{port}/x")
    with pytest.raises(FerError, match="can't be downloaded"):
        fetch_file(file, workspace, timeout_s=2)
    assert not is_installed(YUNET, workspace)


def test_installing_a_copy_by_hand(workspace, tmp_path, server):
    file = remote(server, "/good")
    (tmp_path / "copy.bin").write_bytes(CONTENT)
    assert install_file(file, workspace, tmp_path / "copy.bin") == weights_path(file, workspace)
    (tmp_path / "wrong.bin").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(FerError, match="SHA-256"):
        install_file(file, workspace, tmp_path / "wrong.bin")
    with pytest.raises(FerError, match=r"none\.bin"):
        install_file(file, workspace, tmp_path / "none.bin")
    assert is_installed(file, workspace), "the good copy stays"
    assert server.num_requests == 0


def test_a_workspace_that_cannot_be_written_is_not_blamed_on_the_server(server, workspace):
    workspace.root.mkdir(parents=True)
    workspace.weights.write_text("a file where the folder should be")
    with pytest.raises(FerError, match=r"can't be written.*FER_WORKSPACE") as error:
        fetch_file(remote(server, "/good"), workspace)
    assert "http" not in str(error.value)


def test_a_server_that_falls_silent(workspace):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = dataclasses.replace(YUNET, url=f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(FerError, match="timed out"):
            fetch_file(file, workspace, timeout_s=0.2)


def test_a_changed_file_is_noticed(workspace, tmp_path, server):
    file = remote(server, "/good")
    (tmp_path / "copy.bin").write_bytes(CONTENT)
    path = install_file(file, workspace, tmp_path / "copy.bin")
    path.write_bytes(b"!" + CONTENT[1:-1])
    assert not is_installed(file, workspace)
    with pytest.raises(FerError, match="fer fetch thing"):
        require_file(file, workspace)


def test_yunets_facts_are_those_published(shared):
    copy = shared / "models" / YUNET.file_name
    assert copy.stat().st_size == YUNET.num_bytes
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == YUNET.sha256
    assert YUNET.url.startswith("https://")


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)


def test_what_is_better_had_is_fetched_once_and_announced(server, workspace, online):
    file = remote(server, "/good")
    told = []
    assert fetch_once(file, workspace, told.append) and is_installed(file, workspace)
    assert fetch_once(file, workspace, told.append)
    assert server.num_requests == 1
    (line,) = told
    assert "127.0.0.1" in line and "256 KB" in line and f"{OFFLINE_VARIABLE}=1" in line and "\n" not in line


def test_after_a_failure_nobody_is_asked_again_for_a_day(server, workspace, online):
    file = remote(server, "/absent")
    told = []
    assert not fetch_once(file, workspace, told.append)
    assert not fetch_once(file, workspace, told.append)
    assert (server.num_requests, len(told)) == (1, 1)
    (missed,) = workspace.weights.glob(".*.missed")
    os.utime(missed, (0, 0))
    assert not fetch_once(file, workspace, told.append)
    assert (server.num_requests, len(told)) == (2, 2)


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_fetching_unasked_can_be_forbidden(server, workspace, monkeypatch, value):
    monkeypatch.setenv(OFFLINE_VARIABLE, value)
    assert not fetch_once(remote(server, "/good"), workspace, pytest.fail)
    assert server.num_requests == 0


def test_a_workspace_that_can_not_be_written_is_no_reason_to_stop(server, tmp_path, online):
    (tmp_path / "file").write_text("in the way")
    told = []
    assert not fetch_once(remote(server, "/good"), Workspace(tmp_path / "file"), told.append)
    assert len(told) == 1
