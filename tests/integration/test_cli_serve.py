"""`fer serve` as a process: it answers, refuses what is malformed, and dies without half an answer."""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import pytest

from fer_core.cli import main
from fer_core.inference.sample import sample_path
from fer_core.workspace import PROJECT_ROOT

PHOTO = sample_path().read_bytes()


def build_malformed():
    """Well-formed requests for pictures that are none, before they are spoilt."""
    form = b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="a.png"\r\n\r\nxyz\r\n--x--\r\n'
    head = b"POST /v1/read%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n"
    bodies = [(b"", b"not a picture", b"image/png"), (b"-batch", form, b"multipart/form-data; boundary=x")]
    return [head % (path, len(body), kind) + body for path, body, kind in bodies]


MALFORMED = build_malformed()


@contextmanager
def serving(folder, port=0, model="fer-tiny", words=()):
    """A service and its port; killed at the end, if it still lives."""
    command = [sys.executable, "-m", "fer_core", "serve", "--model", model, "--detector", "haar"]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), *words],
            stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | {"FER_WORKSPACE": str(folder)},
        )  # fmt: skip
    try:
        line = process.stdout.readline()
        found = re.match(r"serving at (http://127\.0\.0\.1:\d+): model .*, detector haar", line)
        assert found, line + (folder / "log").read_text()
        yield process, urlsplit(found[1]).port
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(port, method="GET", path="/ready", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def spoil(request, rng):
    """A request with something wrong: cut, bytes replaced, repeated or left out."""
    data = bytearray(request)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randint(1, 9)]
            case 2:
                data[place:place] = rng.randbytes(rng.randint(1, 9))
            case 3:
                data[place:place] = data[max(0, place - 20) : place]
    return bytes(data[: rng.randrange(len(data))]) if rng.random() < 0.3 and len(data) > 1 else bytes(data)


def send_raw(port, data):
    """The status of the first answer to some bytes; None if there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = connection.recv(64)
        except ConnectionError:
            return None
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None


def test_only_this_machine_is_listened_to_and_what_is_malformed_is_refused(tmp_path):
    rng = random.Random(7)
    with serving(tmp_path) as (process, port):
        ends = {item.laddr.ip for item in psutil.Process(process.pid).net_connections("inet")}
        assert ends == {"127.0.0.1"}
        assert ask(port)[0] == 200
        statuses = {send_raw(port, spoil(rng.choice(MALFORMED), rng)) for _ in range(150)}
        assert statuses - {None, 200} <= set(range(400, 500)) and 400 in statuses
        assert 200 not in {send_raw(port, MALFORMED[0]), send_raw(port, b"\x00" * 100)}
        status, body = ask(port, "POST", "/v1/read", PHOTO)
        assert status == 200 and json.loads(body)["faces"][0]["label"] == "happiness"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) in (0, -signal.SIGTERM)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_killed_in_mid_load_and_started_again_there_is_no_half_answer(tmp_path):
    whole = []
    broken = []
    is_over = threading.Event()

    def load(port):
        while not is_over.is_set():
            try:
                status, body = ask(port, "POST", "/v1/read?detector=whole-image", PHOTO)
            except (OSError, http.client.HTTPException):
                continue  # nobody there, or the connection was cut: the client knows
            try:
                whole.append(json.loads(body)["faces"][0]["label"] if status == 200 else str(status))
            except ValueError:
                broken.append(body)

    with serving(tmp_path) as (process, port):
        clients = [threading.Thread(target=load, args=(port,)) for _ in range(4)]
        for client in clients:
            client.start()
        while len(whole) < 8:
            assert process.poll() is None
        process.kill()
        process.wait()
        before = len(whole)
    with serving(tmp_path, port) as (process, _):
        while len(whole) < before + 8:
            assert process.poll() is None
        is_over.set()
        for client in clients:
            client.join()
    # What fer-tiny reads into the whole picture, which is no face crop.
    assert broken == [] and set(whole) == {"anger"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "no key protects"),
        (["--port", "1", "--max-waiting", "1"], "at least max_pictures"),
        (["--key-file", "/absent"], "can't be read"),
        (["--processes", "2", "--rate", "5"], "take one process"),
        (["--processes", "0"], "expected 1 to 64"),
        (["--model", "absent"], "no checkpoint 'absent'"),
    ],
)
def test_a_mistake_is_told_before_it_listens(words, told, workspace, capsys):
    assert main(["serve", *words]) == 1
    assert told in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(workspace, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "--model", "fer-tiny", "--port", port]) == 1
    assert f"127.0.0.1:{port} can't be listened on" in capsys.readouterr().err


def list_workers(process):
    """The numbers of the processes that answer."""
    found = set()
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            if "spawn_main" in str(child.cmdline()):
                found.add(child.pid)
    return found


def wait_for_workers(process, without=frozenset()):
    """The two processes that answer, none of them one of these."""
    while len(workers := list_workers(process) - without) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    return workers


def works(process):
    """Whether a process is there; one that nobody buries is not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def count(port, name):
    _, text = ask(port, path="/metrics")
    return float(re.search(rf"^{name} (\S+)$", text.decode(), re.MULTILINE)[1])


def test_several_processes_are_one_service(tmp_path):
    with serving(tmp_path, words=("--processes", "2")) as (process, port):
        workers = wait_for_workers(process)
        answers = [ask(port, "POST", "/v1/read?detector=whole-image", PHOTO) for _ in range(12)]
        assert {status for status, _ in answers} == {200} and len({body for _, body in answers}) == 1
        assert count(port, "fer_pictures_total") == 12 and count(port, "fer_waiting_pictures") == 0
        dead = min(workers)
        os.kill(dead, signal.SIGKILL)
        later = wait_for_workers(process, {dead})
        assert [ask(port, "POST", "/v1/read", PHOTO)[0] for _ in range(4)] == [200] * 4
        assert count(port, "fer_pictures_total") == 16, "what the dead one counted is still counted"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) in (0, -signal.SIGTERM)
        assert not any(map(psutil.pid_exists, later))
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_no_process_outlives_a_service_that_was_killed(tmp_path):
    with serving(tmp_path, words=("--processes", "2")) as (process, port):
        workers = [psutil.Process(number) for number in wait_for_workers(process)]
        assert ask(port)[0] == 200
        process.kill()
        while any(map(works, workers)):
            time.sleep(0.05)
    with serving(tmp_path, port) as (process, _):
        assert ask(port)[0] == 200


def test_processes_that_cannot_load_the_model_end_the_service(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(PROJECT_ROOT / "checkpoints" / "fer-tiny", model)
    with serving(tmp_path, model=str(model), words=("--processes", "2")) as (process, _):
        workers = wait_for_workers(process)
        shutil.rmtree(model)
        os.kill(min(workers), signal.SIGKILL)
        assert process.wait(timeout=600) == 1
    log = (tmp_path / "log").read_text()
    assert "no checkpoint" in log and "could not load what it computes with" in log and "Traceback" not in log
