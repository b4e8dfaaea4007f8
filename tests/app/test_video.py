"""The video part of the Analyze media page without a browser: what is uploaded, kept, shown and deleted."""

import dataclasses
import io
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from streamlit.testing.v1 import AppTest

from app.analyze_media import video_task, video_view
from app.analyze_media.state import Key
from app.analyze_media.video_task import KIND, VideoTask, check_upload
from app.analyze_media.video_view import describe_video
from app.shared.state import SharedKey
from app.shared.uploads import Upload
from fer_core.data.synthetic import draw_portrait
from fer_core.errors import MediaError
from fer_core.inference.video_reader import probe_video
from fer_core.inference.video_types import VideoInfo
from fer_core.jobs import tasks
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.background import finish_task

PAGE = str(PROJECT_ROOT / "pages" / "analyze_media.py")
VIDEO_TAB = ":material/movie: Video"


def _video(num_frames: int = 10, *, fps: int = 10) -> bytes:
    image = draw_portrait("happiness", np.random.default_rng(0), size=128)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for _ in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def clip() -> bytes:
    return _video()


def _save(path, data: bytes) -> Upload:
    path.write_bytes(data)
    return Upload(path.name, path, len(data), "id")


@pytest.mark.parametrize("data", [b"", b"hello, I am text"])
def test_what_is_no_video_is_refused(data, tmp_path):
    with pytest.raises(MediaError, match=r"^the file"):
        check_upload(_save(tmp_path / "notes.mp4", data))


def test_a_long_video_is_refused(clip, monkeypatch, tmp_path):
    monkeypatch.setattr(video_task, "LIMITS", video_task.VideoLimits(max_duration_s=0.5))
    with pytest.raises(MediaError, match="fer annotate"):
        check_upload(_save(tmp_path / "clip.mp4", clip))


def _open_page(*, clip: bytes | None = None, name: str = "clip.mp4", **state) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.session_state[Key.MEDIA_TAB] = VIDEO_TAB
    for key, value in state.items():
        page.session_state[key] = value
    page.run()
    return page if clip is None else _upload(page, name, clip)


def _upload(page: AppTest, name: str, data: bytes, **others: bytes) -> AppTest:
    number = page.session_state[Key.VIDEO_UPLOAD]
    files = [(name, data, "video/mp4"), *((more, content, "video/mp4") for more, content in others.items())]
    return page.file_uploader(key=f"{Key.VIDEO_UPLOAD}_{number}").set_value(files).run()


def _texts(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind)


def _find() -> VideoTask | None:
    """The video of whoever analyzed one: outside a page there is no visitor."""
    task = tasks.find_task(Workspace.default(), KIND)
    return None if task is None else VideoTask(task)


def _press(page: AppTest, label: str) -> AppTest:
    return next(item for item in page.button if item.label == label).click().run()


@pytest.mark.usefixtures("tasks_at_once")
def test_a_video_goes_in_and_its_timeline_comes_out(save_model, clip):
    save_model("first")
    page = _open_page(clip=clip, detector="whole-image")
    assert not page.exception
    assert "128 × 128 px · 10 fps · h264 · no sound" in _texts(page)
    assert _find() is None, "nothing is written before the user asks for it"
    _press(page, "Analyze the video")
    assert not page.exception
    assert not page.error
    assert "#### 1 face: mostly " in _texts(page)
    assert "10 frames of 128 × 128 px" in _texts(page)
    assert len(page.get("bidi_component")) == 1
    video = _find()
    assert video is not None and video.summary is not None
    assert probe_video(video.annotated).codec == "h264"
    assert len(video.load_table()) == video.summary.num_rows == 10

    # Another session, as after a reload or a new start of the server.
    again = AppTest.from_file(PAGE, default_timeout=60).run()
    assert again.session_state[Key.MEDIA_TAB] == VIDEO_TAB
    assert "10 frames of 128 × 128 px" in _texts(again)
    _press(again, "Analyze again")
    assert not video.task.folder.exists()
    second = _find()
    assert second is not None and second.source.read_bytes() == clip
    _press(again, "Delete")
    assert "No video yet" in _texts(again)
    assert list(Workspace.default().tasks.iterdir()) == []


@pytest.mark.usefixtures("tasks_at_once")
def test_several_videos_at_once_and_one_that_fails_holds_nobody_up(save_model, clip, monkeypatch):
    save_model("first")
    others = {"two.mp4": _video(5), "no.mp4": b"x"}
    page = _upload(_open_page(detector="whole-image"), "one.mp4", clip, **others)
    (error,) = page.error
    assert "no.mp4" in error.value and "not a video that can be read" in error.value
    work, calls = tasks.start_detached, iter((True, False))

    def start(command, *rest, **more):
        if next(calls):  # the first of them is damaged after it was checked
            Path(command[4]).write_bytes(b"damaged")
        work(command, *rest, **more)

    monkeypatch.setattr(tasks, "start_detached", start)
    _press(page, "Analyze 2 videos")
    assert not page.exception
    assert "one.mp4" in page.error[-1].value and "tasks" not in page.error[-1].value
    assert "5 frames of 128 × 128 px" in _texts(page), "the other is shown"
    _upload(page, "three.mp4", clip)
    monkeypatch.setattr(tasks, "start_detached", work)
    _press(page, "Analyze the video")
    (choice,) = page.button_group
    assert [str(item.content) for item in choice.proto.options] == ["two.mp4", "three.mp4"]
    assert "10 frames of 128 × 128 px" in _texts(page), "the last that was started"
    _press(page, "Delete those without a result")
    assert len(list(Workspace.default().tasks.iterdir())) == 2
    assert not [item for item in page.error if "one.mp4" in item.value]


@pytest.mark.usefixtures("tasks_at_once")
def test_the_number_of_videos_is_limited(save_model, clip, monkeypatch):
    save_model("first")
    monkeypatch.setattr(video_task, "MAX_VIDEOS", 1)
    page = _press(_open_page(clip=clip, detector="whole-image"), "Analyze the video")
    _press(_upload(page, "other.mp4", clip), "Analyze the video")
    (error,) = page.error
    assert "1 analyzed videos are here and 1 are new; 1 may be here" in error.value
    assert "10 frames of 128 × 128 px" in _texts(page), "what is there stays"
    assert len(list(Workspace.default().tasks.iterdir())) == 1


@pytest.mark.usefixtures("tasks_at_once")
def test_videos_are_deleted_a_day_after_they_were_analyzed(save_model, clip, monkeypatch):
    save_model("first")
    _press(_open_page(clip=clip, detector="whole-image"), "Analyze the video")
    video = _find()
    assert video is not None and video.task.ended is not None
    ended = video.task.ended
    for hours, is_there in ((23, True), (25, False)):
        monkeypatch.setattr(tasks.time, "time", lambda hours=hours: ended + 3600 * hours)
        tasks.prune_tasks(Workspace.default())
        assert video.task.folder.exists() == is_there


def test_text_called_mp4_is_a_message(save_model):
    save_model("first")
    page = _open_page(clip=b"hello, I am text", name="notes.mp4")
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("**notes.mp4** — the file is not a video that can be read")


@pytest.mark.usefixtures("tasks_at_once")
def test_a_video_without_a_face_says_so(save_model):
    save_model("first")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for _ in range(6):
            grey = np.full((96, 128, 3), 120, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    page = _press(_open_page(clip=buffer.getvalue(), detector="haar"), "Analyze the video")
    assert not page.exception
    assert "No face was found in this video" in _texts(page)
    assert not page.slider(key=SharedKey.TOP_K).disabled


@pytest.mark.usefixtures("tasks_at_once")
def test_a_model_that_breaks_is_told_without_folders(save_model, clip):
    folder = save_model("first")
    page = _open_page(clip=clip, detector="whole-image")
    next(folder.glob("*.safetensors")).write_bytes(b"no")
    _press(page, "Analyze the video")
    assert not page.exception
    (error,) = page.error
    assert "clip.mp4" in error.value and "inputs" not in error.value


def test_a_running_analysis_can_be_cancelled_and_keeps_what_was_done(save_model):
    save_model("first")
    page = _press(_open_page(clip=_video(1500), detector="whole-image"), "Analyze the video")

    def video() -> VideoTask:
        found = _find()
        assert found is not None
        return found

    while not video().task.progress.done:
        assert video().task.is_active, "it ended before anything was told of it"
        time.sleep(0.02)
    worker = psutil.Process(video().task.status.pid)
    worker.suspend()  # a fast machine would be done before the click
    page.run()
    (cancel,) = [item for item in page.button if item.label == "Cancel"]
    cancel.click().run()
    worker.resume()
    finish_task(Workspace.default(), KIND)
    summary = video().summary
    assert summary is not None
    assert summary.was_cancelled
    assert 0 < summary.num_frames < 1500
    assert probe_video(video().annotated).num_frames == summary.num_frames
    page.run()
    assert not page.exception
    assert "Stopped early" in _texts(page)


def test_a_video_at_work_is_gone_once_it_was_deleted(save_model):
    save_model("first")
    page = _press(_open_page(clip=_video(600), detector="whole-image"), "Analyze the video")
    (folder,) = Workspace.default().tasks.iterdir()
    _press(page, "Delete")
    assert "No video yet" in _texts(page)
    while folder.exists():  # its process removes it
        time.sleep(0.02)


def test_a_video_in_words():
    info = VideoInfo(
        width_px=1920,
        height_px=1080,
        fps=29.97,
        duration_s=75.2,
        num_frames=2254,
        has_audio=True,
        codec="h264",
    )
    assert describe_video(info) == "1 min 15 s · 1,920 × 1,080 px · 30 fps · h264"
    assert " · 1,250 fps · " in describe_video(dataclasses.replace(info, fps=1250.0))
    assert " · 12.5 fps · " in describe_video(dataclasses.replace(info, fps=12.5))


def test_the_page_offers_only_files_it_reads():
    from fer_core.inference.video_reader import VIDEO_SUFFIXES

    assert {f".{name}" for name in video_view.VIDEO_TYPES} <= set(VIDEO_SUFFIXES)
