"""The service, in this process: what it answers, what it refuses, and that it stays bounded."""

import asyncio
import io
import json
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fer_core.errors import ConfigError
from fer_core.inference.pipeline import analysis_to_dict, build_pipeline
from fer_core.inference.predictor import load_predictor
from fer_core.inference.sample import load_sample, sample_path
from fer_core.serve.batching import Batcher
from fer_core.serve.engine import ServeEngine
from fer_core.serve.guards import RateLimit
from fer_core.serve.service import build_app
from fer_core.serve.settings import KEYS_VARIABLE, ServeSettings, hash_key, read_keys
from fer_core.workspace import Workspace

PHOTO = sample_path().read_bytes()
KEY = "a-key-of-twenty-letters"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("empty"))
    return ServeEngine(load_predictor("fer-tiny", workspace), "haar", workspace)


def open_client(engine, **settings):
    return TestClient(build_app(engine, ServeSettings(**settings)), base_url="http://localhost:8600")


@pytest.fixture(scope="module")
def client(engine):
    with open_client(engine, max_pictures=3, max_megapixels=1) as client:
        yield client


def test_a_picture_is_read_as_the_library_reads_it(client, engine, tmp_path):
    pipeline = build_pipeline("haar", engine.predictor, Workspace(tmp_path))
    expected = analysis_to_dict(pipeline.examine(load_sample()), source="")
    answer = client.post("/v1/read", content=PHOTO)
    assert answer.status_code == 200
    found = answer.json()
    assert found["faces"] == json.loads(json.dumps(expected["faces"]))
    assert (found["width_px"], found["height_px"]) == (512, 512)
    assert (found["model"], found["detector"]) == ("fer-tiny", "haar")
    whole = client.post("/v1/read", params={"detector": "whole-image"}, content=PHOTO).json()
    assert len(whole["faces"]) == 1 and whole["detector"] == "whole-image"


@pytest.mark.parametrize("side_px", [1001, 8001, 14_001])
def test_a_picture_that_is_too_large_hears_the_limit_of_the_service(client, side_px):
    """Above the library's limit, and above Pillow's, other limits were named."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    content += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    answer = client.post("/v1/read", content=content)
    assert answer.status_code == 422
    assert "At most 1 megapixels and 30,000 px a side" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_the_state_may_be_asked_for_without_its_body(client, path):
    assert client.head(path).status_code == 200
    assert "head" not in client.get("/openapi.json").json()["paths"][path]


def test_a_batch_keeps_the_order_and_names_what_failed(client):
    files = [
        ("pictures", ("a.png", PHOTO)),
        ("pictures", ("b.png", b"hello")),
        ("pictures", ("c.png", PHOTO)),
    ]
    first, second, third = client.post("/v1/read-batch", files=files).json()["pictures"]
    assert [item["name"] for item in (first, second, third)] == ["a.png", "b.png", "c.png"]
    assert first["faces"] == third["faces"] and first["faces"][0]["label"] == "happiness"
    assert "no picture that can be read" in second["error"] and "faces" not in second


def save(pixels, kind, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def test_what_should_be_known_of_a_picture_is_in_the_answer(client):
    """As `fer predict` and the page say it."""
    more = {"save_all": True, "append_images": [Image.fromarray(load_sample())]}
    pages, told = save(load_sample(), "TIFF", **more), ["Only the first of its 2 pages is read."]
    blank = save(np.zeros((64, 64, 3), np.uint8), "PNG")
    assert client.post("/v1/read", content=PHOTO).json()["notes"] == []
    assert client.post("/v1/read", content=pages).json()["notes"] == told
    (note,) = client.post("/v1/read", content=blank).json()["notes"]
    assert note == "No face was found; a picture cropped to one face needs ?detector=whole-image."
    whole = {"detector": "whole-image"}
    assert client.post("/v1/read", params=whole, content=blank).json()["notes"] == []
    files = [("pictures", ("a.tif", pages)), ("pictures", ("b.png", b"hello"))]
    first, second = client.post("/v1/read-batch", files=files).json()["pictures"]
    assert first["notes"] == told and "notes" not in second
    with client.websocket_connect("ws://localhost/v1/stream") as socket:
        for content, notes in ((pages, told), (blank, [])):
            socket.send_bytes(content)
            assert socket.receive_json()["notes"] == notes


def test_an_empty_picture_is_called_empty(client):
    answer = client.post("/v1/read", content=b"")
    assert 400 <= answer.status_code < 500 and "is empty; copy it again" in answer.text
    (only,) = client.post("/v1/read-batch", files=[("pictures", ("a.png", b""))]).json()["pictures"]
    assert "is empty; copy it again" in only["error"]


def make_large():
    import io

    stream = io.BytesIO()
    Image.fromarray(np.zeros((1001, 1000), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


FORM = {"content-type": "multipart/form-data; boundary=x"}
REFUSED = {
    "nothing": ("POST", "/v1/read", {}, 422, "is empty; copy it again"),
    "text": ("POST", "/v1/read", {"content": b"hello"}, 422, "no picture"),
    "cut off": ("POST", "/v1/read", {"content": PHOTO[:5000]}, 422, "damaged or cut short"),
    "too many pixels": ("POST", "/v1/read", {"content": make_large()}, 422, "At most 1 megapixels"),
    "detector": ("POST", "/v1/read?detector=no", {"content": PHOTO}, 422, "haar, whole-image"),
    "long detector": ("POST", "/v1/read?detector=" + "x" * 99, {"content": PHOTO}, 422, "query.detector"),
    "a form": ("POST", "/v1/read", {"files": {"pictures": b"x"}}, 415, "/v1/read-batch"),
    "no form": ("POST", "/v1/read-batch", {"content": PHOTO}, 415, "multipart/form-data"),
    "empty form": ("POST", "/v1/read-batch", {"content": b"", "headers": FORM}, 422, "pictures"),
    "broken form": (
        "POST",
        "/v1/read-batch",
        {"content": b"--y\r\n\r\n", "headers": FORM},
        400,
        "at most 3 pictures",
    ),
    "other field": ("POST", "/v1/read-batch", {"files": {"photo": b"x"}}, 422, "field `pictures`"),
    "too many": ("POST", "/v1/read-batch", {"files": [("pictures", b"x")] * 4}, 400, "at most 3"),
    "wrong method": ("GET", "/v1/read", {}, 405, "Method"),
    "wrong path": ("GET", "/v2", {}, 404, "Not Found"),
    "no pages": ("GET", "/docs", {}, 404, "Not Found"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_wrong_is_refused_in_words(client, kind):
    method, path, options, status, words = REFUSED[kind]
    answer = client.request(method, path, **options)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_a_body_is_measured_as_it_comes(engine):
    with open_client(engine, max_megabytes=0.05) as client:
        answer = client.post("/v1/read", content=PHOTO)
        assert answer.status_code == 413 and "50,000" in answer.json()["detail"]
        parts = (PHOTO[start : start + 1000] for start in range(0, len(PHOTO), 1000))
        assert client.post("/v1/read", content=parts).status_code == 413, "its length is not said beforehand"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "LOCALHOST:1"}, 200),
        ({"host": "[::1]:8600"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://localhost:8501"}, 200),
    ],
)
def test_other_sites_get_nothing(client, headers, status):
    assert client.get("/v1/model", headers=headers).status_code == status
    if status != 200:
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("ws://localhost/v1/stream", headers=headers),
        ):
            pass


def test_keys_protect_all_but_the_state(engine):
    with open_client(engine, keys=frozenset({hash_key(KEY)})) as client:
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        for path in ("/v1/model", "/metrics", "/openapi.json", "/nothing"):
            assert client.get(path).status_code == 401
        for text in ("", KEY, f"Basic {KEY}", "Bearer wrong-key-wrong-key"):
            assert client.get("/v1/model", headers={"authorization": text}).status_code == 401
        assert client.get("/v1/model", headers={"authorization": f"Bearer {KEY}"}).status_code == 200
        with client.websocket_connect("ws://localhost/v1/stream") as socket:
            socket.send_text("wrong")
            assert socket.receive()["code"] == 1008
        with client.websocket_connect("ws://localhost/v1/stream") as socket:
            socket.send_text(KEY)
            socket.send_bytes(PHOTO)
            assert socket.receive_json()["faces"]


def test_who_has_no_key_takes_nobodys_place(engine, monkeypatch):
    with (
        open_client(engine, keys=frozenset({hash_key(KEY)}), max_streams=1, rate=0.001) as client,
        client.websocket_connect("ws://localhost/v1/stream"),
    ):
        known = {"authorization": f"Bearer {KEY}"}
        with client.websocket_connect("ws://localhost/v1/stream", headers=known) as socket:
            socket.send_bytes(PHOTO)
            assert socket.receive_json()["faces"]
        unknown = {"authorization": "Bearer made-up-for-this-request"}
        with (
            pytest.raises(WebSocketDisconnect) as denied,
            client.websocket_connect("ws://localhost/v1/stream", headers=unknown),
        ):
            pass
        assert "too many" in denied.value.reason, "keys that are none share the rate of their address"
    monkeypatch.setattr("fer_core.serve.service._KEY_S", 0.01)
    with (
        open_client(engine, keys=frozenset({hash_key(KEY)})) as client,
        client.websocket_connect("ws://localhost/v1/stream") as socket,
    ):
        assert socket.receive()["code"] == 1008, "nobody waits for a key forever"


def test_large_pictures_of_a_form_stay_off_the_disk(client, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a picture goes to a disk")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    large = PHOTO + bytes(2_000_000)
    (item,) = client.post("/v1/read-batch", files={"pictures": large}).json()["pictures"]
    assert item["faces"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"host": "FD00::5"}, "[fd00::5]"),
        ({"host": "lab"}, "lab"),
        ({"allowed_hosts": ("Lab.example:443",)}, "lab.example"),
    ],
)
def test_names_are_those_that_clients_send(settings, name):
    assert name in ServeSettings(keys=frozenset({hash_key(KEY)}), **settings).host_names


def test_keys_come_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text(f"# of the lab\n{KEY}\n\n")
    monkeypatch.setenv(KEYS_VARIABLE, "another-key-of-twenty, third-key-of-twenty-two")
    settings = ServeSettings(host="0.0.0.0", keys=read_keys(file))
    assert settings.knows_key(KEY) and settings.knows_key("third-key-of-twenty-two")
    assert not settings.knows_key("") and KEY not in repr(settings)
    monkeypatch.delenv(KEYS_VARIABLE)
    for text, words in (("short", "16 to 512"), ("# none", "holds no key")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_keys(file)
    with pytest.raises(ConfigError, match="can't be read"):
        read_keys(tmp_path / "absent")


def test_a_key_file_of_windows_is_read(tmp_path):
    file = tmp_path / "keys"
    file.write_bytes(f"\ufeff{KEY}\r\n# Anna\r\n".encode())
    assert read_keys(file) == {hash_key(KEY)}


def test_an_unfit_key_is_named_by_its_place_and_not_shown(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text(f"# of the lab\n{KEY}\n\nschlüssel-der-zu-lang-ist\n", encoding="utf-8")
    monkeypatch.setenv(KEYS_VARIABLE, "another-key-of-twenty,")
    with pytest.raises(ConfigError, match=r"keys, line 4: .* ASCII") as told:
        read_keys(file)
    assert "schl" not in str(told.value)
    monkeypatch.setenv(KEYS_VARIABLE, "another-key-of-twenty, short")
    with pytest.raises(ConfigError, match=f"{KEYS_VARIABLE}, key 2: "):
        read_keys(None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host": "0.0.0.0"}, "no key protects"),
        ({"host": "192.0.2.1"}, "no key protects"),
        ({"port": 70000}, "0 to 65535"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"max_waiting": 3}, "at least max_pictures"),
    ],
)
def test_settings_that_make_no_sense_are_told(values, words):
    with pytest.raises(ConfigError, match=words):
        ServeSettings(**values)


def test_a_client_has_a_rate(engine):
    with open_client(engine, rate=0.001) as client:
        assert client.get("/v1/model").status_code == 200
        refused = client.get("/v1/model")
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert client.get("/health").status_code == 200


def test_the_rate_is_that_of_a_token_bucket():
    now = [0.0]
    limit = RateLimit(2.0, clock=lambda: now[0])
    assert [limit.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert limit.take("b") == 0
    now[0] = 0.5
    assert [limit.take("a"), limit.take("a")] == [0, 0.5]
    for number in range(20_000):
        limit.take(str(number))
    assert len(limit._buckets) <= 10_000


class SlowEngine:
    """Holds every picture until it is let go."""

    def __init__(self, engine):
        self._engine = engine
        self.go = threading.Event()
        self.busy = threading.Semaphore(0)
        self.predictor, self.detector, self.detectors = engine.predictor, engine.detector, engine.detectors

    def build_detector(self, name, *, is_stream=False):
        inner, outer = self._engine.build_detector(name), self

        class Slow:
            name = inner.name

            def detect(self, image):
                outer.busy.release()
                assert outer.go.wait(60)
                return inner.detect(image)

        return Slow()


def test_a_full_queue_answers_503_and_never_grows(engine):
    slow = SlowEngine(engine)
    with open_client(slow, max_waiting=3, max_pictures=3, threads=1) as client:
        answers = []
        waiting = [
            threading.Thread(target=lambda: answers.append(client.post("/v1/read", content=PHOTO)))
            for _ in range(3)
        ]
        for thread in waiting:
            thread.start()
        assert slow.busy.acquire(timeout=60)
        while client.get("/ready").status_code == 200:
            pass  # the other two are on their way
        refused = client.post("/v1/read", content=PHOTO)
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert client.post("/v1/read-batch", files={"pictures": PHOTO}).status_code == 503
        assert client.get("/health").status_code == 200
        assert "fer_waiting_pictures 3.0" in client.get("/metrics").text
        slow.go.set()
        for thread in waiting:
            thread.join(60)
        assert [answer.status_code for answer in answers] == [200] * 3
        assert client.get("/ready").status_code == 200
        metrics = client.get("/metrics").text
        assert "fer_pictures_total 3.0" in metrics and "fer_waiting_pictures 0.0" in metrics


def test_what_waits_is_read_together(engine):
    slow, batches = SlowEngine(engine), []
    batcher = Batcher(
        engine.predictor,
        slow.build_detector,
        num_threads=1,
        max_waiting=9,
        max_pixels=10**6,
        on_batch=lambda pictures, faces: batches.append((pictures, faces)),
    )

    batcher.start()

    async def ask():
        first = asyncio.create_task(batcher.read([PHOTO], "haar"))
        await asyncio.to_thread(slow.busy.acquire)
        others = [asyncio.create_task(batcher.read([PHOTO], "haar")) for _ in range(2)]
        gone = asyncio.create_task(batcher.read([PHOTO], "haar"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        slow.go.set()
        return await asyncio.gather(first, *others)

    results = asyncio.run(ask())
    batcher.close()
    assert not batcher.is_alive
    assert [len(result.faces) for (result,) in results] == [1, 1, 1]
    assert batches[0] == (1, 1) and sum(faces for _, faces in batches) == 3, "nobody reads for who is gone"
    assert len(batches) == 2


def test_a_failure_of_the_program_is_an_answer_and_not_the_end(engine, monkeypatch):
    class Broken(SlowEngine):
        def build_detector(self, name, *, is_stream=False):
            raise RuntimeError("a bug")

    app = build_app(Broken(engine), ServeSettings())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        for _ in range(2):
            answer = client.post("/v1/read", content=PHOTO)
            assert answer.status_code == 500 and "its log" in answer.json()["detail"]
        assert client.get("/ready").status_code == 200


def test_frames_in_results_out(client):
    with client.websocket_connect("ws://localhost/v1/stream") as socket:
        for _ in range(2):
            socket.send_bytes(PHOTO)
        first, second = socket.receive_json(), socket.receive_json()
        assert first["faces"][0]["track_id"] == second["faces"][0]["track_id"]
        assert second["time_s"] >= first["time_s"]
        socket.send_bytes(b"hello")
        assert "no picture" in socket.receive_json()["error"]
        socket.send_text("hello")
        assert "binary message" in socket.receive_json()["error"]
        socket.send_bytes(PHOTO)
        assert socket.receive_json()["faces"], "a bad frame does not end the stream"
    with client.websocket_connect("ws://localhost/v1/stream?detector=no") as socket:
        assert socket.receive()["code"] == 1008


def test_streams_are_counted(engine):
    with (
        open_client(engine, max_streams=1) as client,
        client.websocket_connect("ws://localhost/v1/stream") as socket,
    ):
        socket.send_bytes(PHOTO)
        socket.receive_json()
        with client.websocket_connect("ws://localhost/v1/stream") as second:
            assert second.receive()["code"] == 1013


def test_metrics_name_nobody(client):
    client.get("/nothing/secret-name")
    text = client.get("/metrics").text
    assert 'fer_requests_total{path="other",status="404"}' in text
    assert "secret-name" not in text and "testclient" not in text
    assert "fer_faces_total" in text
