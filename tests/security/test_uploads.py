"""What is uploaded: how large it may be, what it is, and what it unpacks to."""

import ast
import errno
import io
import os
import re
import shutil
import struct
import tarfile
import tomllib
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from app.analyze_media import video_task
from app.shared import uploads
from app.shared.uploads import UploadStore, clean_name
from fer_core.data import archive
from fer_core.data.importers.fer2013 import import_fer2013
from fer_core.data.tree import open_tree
from fer_core.errors import DataError, MediaError
from fer_core.images import load_image
from fer_core.inference.video_reader import VideoLimits, open_video, probe_video
from fer_core.jobs import tasks
from fer_core.workspace import PROJECT_ROOT
from tests.e2e.dashboard import write_clip

MAX_MB = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]


_TAKING = [f"st.{name}" for name in ("file_uploader", "chat_input", "camera_input", "audio_input")]


def test_every_upload_has_a_limit():
    """No file dialog takes more than the server does, and one function makes them all."""
    assert MAX_MB <= 500 and uploads.MAX_FILE_MB == MAX_MB
    found = []
    for path in [*(PROJECT_ROOT / "app").rglob("*.py"), *(PROJECT_ROOT / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in _TAKING:
                found.append(path)
    assert found == [PROJECT_ROOT / "app" / "shared" / "uploads.py"]


def _png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (30_001, 16), (100_000, 700)])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(size):
    tracemalloc.start()
    with pytest.raises(MediaError, match=r"too large|damaged"):
        load_image(_png(*size))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_only_the_first_picture_of_an_animation_is_decoded():
    stream = io.BytesIO()
    frames = [Image.fromarray(np.full((64, 64), shade, np.uint8)) for shade in range(200)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    assert load_image(stream.getvalue()).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"<html><script>1</script></html>",
        b"%PDF-1.4 /JS (app.alert(1))",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) (r) file\n",
        b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/x'",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1",
    ],
)
def test_the_content_decides_what_a_picture_is(tmp_path, data):
    """Formats that can name other files or run programs are not read, whatever the file is called."""
    (tmp_path / "face.png").write_bytes(data)
    with pytest.raises(MediaError, match=r"no picture that can be read|is HEIC"):
        load_image(tmp_path / "face.png")


def test_a_picture_with_a_wrong_ending_is_read_as_what_it_is(tmp_path):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "face.jpg", "PNG")
    assert load_image(tmp_path / "face.jpg").shape == (32, 32, 3)


def _lists(secret: Path) -> dict[str, str]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "hls over http": "#EXTM3U\n#EXTINF:5,\nhttp://evil.example/x.ts\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "dash": f"<?xml version='1.0'?><MPD><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "script": f"movie({secret})",
    }


@pytest.mark.parametrize("kind", sorted(_lists(Path("x"))))
def test_a_list_that_names_other_files_is_no_video(tmp_path, kind):
    """FFmpeg would follow it to files of this machine, or to the network."""
    secret = write_clip(tmp_path / "secret.mp4", iter([np.zeros((32, 32, 3), np.uint8)] * 3))
    (tmp_path / "video.mp4").write_text(_lists(secret)[kind])
    with pytest.raises(MediaError):
        probe_video(tmp_path / "video.mp4")


def test_a_video_is_held_to_its_limits_by_what_comes_out_of_it(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", iter([np.zeros((64, 96, 3), np.uint8)] * 50))
    with pytest.raises(MediaError, match="at most 64 px"):
        probe_video(clip, VideoLimits(max_side_px=64))
    with pytest.raises(MediaError, match="at least"):
        probe_video(clip, VideoLimits(max_duration_s=0.5))
    # A file that does not say how long it is: the frames are counted as they come.
    raw = tmp_path / "clip.h264"
    import av

    with av.open(str(clip)) as source, raw.open("wb") as sink:
        filtered = av.BitStreamFilterContext("h264_mp4toannexb", source.streams.video[0])
        for packet in source.demux(video=0):
            for part in filtered.filter(packet if packet.size else None):
                sink.write(bytes(part))
    with (
        open_video(raw, VideoLimits(max_duration_s=0.5)) as reader,
        pytest.raises(MediaError, match="at least"),
    ):
        list(reader.frames())


def test_the_page_has_limits_for_videos():
    assert video_task.MAX_VIDEO_MB <= MAX_MB
    assert 0 < video_task.MAX_MINUTES <= 60


def _pack(path: Path, name: str, num_bytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open(name, "w") as member:
        for _ in range(num_bytes // 1_000_000):
            member.write(bytes(1_000_000))
    return path


def test_a_table_that_unpacks_to_more_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_TEXT_BYTES", 5_000_000)
    bomb = _pack(tmp_path / "fer2013.zip", "fer2013.csv", 8_000_000)
    with pytest.raises(DataError, match="unpacks to"):
        import_fer2013(bomb, tmp_path / "made")
    # And where the header lies about it:
    data = bomb.read_bytes().replace(struct.pack("<I", 8_000_000), struct.pack("<I", 100))
    bomb.write_bytes(data)
    with pytest.raises(DataError):
        import_fer2013(bomb, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_picture_in_a_zip_that_unpacks_a_thousandfold(tmp_path, monkeypatch):
    bomb = _pack(tmp_path / "set.zip", "happy/1.png", 30_000_000)
    assert bomb.stat().st_size < 60_000
    with open_tree(bomb) as tree:
        # What is under the limit is read, and is no picture then.
        with pytest.raises(MediaError, match="no picture"):
            load_image(tree.read("happy/1.png"))
        monkeypatch.setattr("fer_core.data.tree.MAX_RATIO", 500)
        with pytest.raises(DataError, match="refused"):
            tree.read("happy/1.png")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_nothing_but_plain_files_is_read_from_a_tar(tmp_path, kind):
    with tarfile.open(tmp_path / "set.tar", "w") as packed:
        info = tarfile.TarInfo("happy/1.png")
        info.type = kind
        packed.addfile(info)
    with open_tree(tmp_path / "set.tar") as tree:
        assert tree.names() == []


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x",
        "/etc/passwd",
        "..\\..\\x.zip",
        "a\x00b.zip",
        "",
        ".",
        "..",
        "x" * 400,
        "con\n.zip",
    ],
)
def test_the_name_of_an_upload_leads_nowhere(workspace, monkeypatch, name):
    monkeypatch.setattr(tasks, "start_detached", lambda *_args, **_more: None)
    inputs = {clean_name(name): io.BytesIO(b"content")}
    task = tasks.start_task(
        workspace, kind="import", title="x", command=["import", "x"], page="explore_data", inputs=inputs
    )
    (path,) = task.inputs.iterdir()
    assert path.read_bytes() == b"content"
    assert path.resolve().parent == (workspace.tasks / task.name / "inputs").resolve()
    assert path.name.isprintable()


@pytest.fixture
def store(workspace):
    """A manager of uploads as Streamlit makes it, with a file that came before it was adopted."""
    manager = MemoryUploadedFileManager("/upload")
    manager.add_file("a", UploadedFileRec("early", "early.png", "image/png", b"early"))
    store = UploadStore.adopt(manager)
    assert store is manager and UploadStore.adopt(manager) is store
    yield store
    for session in ("a", "b"):
        store.remove_session_files(session)


def _send(store: UploadStore, session: str, number: int, data: bytes = b"12345") -> uploads.Upload:
    store.add_file(session, UploadedFileRec(str(number), "../My face.png", "image/png", data))
    return store.find(session, [str(number)])[0]


def test_an_upload_is_on_the_disk_and_not_in_memory(store, workspace):
    (early,) = store.find("a", ["early"])
    assert early.path.read_bytes() == b"early"
    upload = _send(store, "a", 1)
    assert (upload.name, upload.path.name) == ("../My face.png", "My_face.png")
    assert upload.path.read_bytes() == b"12345"
    assert upload.path.is_relative_to(workspace.uploads)
    assert [file.data for file in store.get_files("a", ["early", "1"])] == [b"", b""]
    store.remove_file("a", "1")
    store.remove_file("a", "1")
    assert not upload.path.exists() and early.path.exists()
    other = _send(store, "b", 1)
    store.remove_session_files("a")
    store.remove_session_files("a")
    assert not early.path.exists() and other.path.exists()
    files = [path for path in workspace.uploads.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert files == [other.path]


@pytest.mark.parametrize(
    ("limits", "session", "words"),
    [
        ({"MAX_FILES": 2}, "a", "this session holds 2 uploads"),
        ({"MAX_SESSION_MB": 14 / 1024**2}, "a", "this session holds 2 uploads"),
        ({"MAX_SERVER_MB": 14 / 1024**2}, "b", "all visitors together"),
    ],
)
def test_number_and_sum_of_uploads_are_limited(store, monkeypatch, limits, session, words):
    _send(store, "a", 1)
    for name, value in limits.items():
        monkeypatch.setattr(uploads, name, value)
    refused = _send(store, session, 2)
    assert words in refused.problem and not refused.path.exists()
    store.remove_file("a", "early")
    assert _send(store, session, 3).problem == ""


def test_a_full_disk_is_told_and_leaves_nothing(store, workspace, monkeypatch):
    before = sorted(workspace.uploads.rglob("*"))

    def fill(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        upload = _send(store, "a", 1)
    assert "No space left on device; free some space there and try again" in upload.problem
    assert sorted(workspace.uploads.rglob("*")) == before
    assert _send(store, "a", 2).problem == "", "trying again works"


def test_a_full_temporary_folder_is_told_before_the_upload(monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=50 * 1024**2))
    assert uploads._explain_lack_of_space(50) == ""
    assert re.search("has 50 MB free, so larger files .* TMPDIR", uploads._explain_lack_of_space(51))


def test_after_a_reload_the_uploads_are_those_of_the_new_session(store, workspace):
    upload = _send(store, "a", 1)
    assert not store.take_over("nobody", "b") and store.take_over("a", "b")
    store.remove_session_files("a")
    assert store.find("b", ["1"]) == [upload] and upload.path.exists()
    other = _send(store, "a", 2)
    assert not store.take_over("a", "b"), "it has uploads of its own"
    store.remove_session_files("b")
    assert not upload.path.exists() and other.path.exists()
