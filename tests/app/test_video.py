"""The video part of the Analyze media page without a browser: jobs, their files, and what is shown."""

import gc
import io
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.analyze_media import video_job, video_view
from app.analyze_media.state import Key
from app.analyze_media.video_charts import build_timeline_chart, chosen_moment
from app.analyze_media.video_job import JobStatus, UploadedVideo, VideoJob
from app.analyze_media.video_view import describe_progress, describe_video
from app.shared import session_end
from app.shared.state import SharedKey
from fer_core.data.synthetic import draw_portrait
from fer_core.errors import CheckpointError, MediaError
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.pipeline import build_pipeline
from fer_core.inference.predictor import load_predictor
from fer_core.inference.stream import FaceStream
from fer_core.inference.video import Progress, VideoInfo, probe_video
from fer_core.palette import EMOTION_COLORS
from fer_core.workspace import PROJECT_ROOT, Workspace

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


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path) -> Path:
    """Where jobs put their files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(video_job.tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def build_stream(save_model):
    save_model("first")
    workspace = Workspace.default()
    predictor = load_predictor("first", workspace)
    return lambda: FaceStream(build_pipeline("whole-image", predictor, workspace).detector, predictor)


def _start(data: bytes, build_stream) -> VideoJob:
    return VideoJob(UploadedVideo("clip.mp4", data), build_stream, style=OverlayStyle())


def _wait_until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def _wait_until_started(job: VideoJob) -> None:
    _wait_until(lambda: job.status.progress is not None or not job.status.is_running)


def test_a_job_makes_a_video_and_a_table(clip, build_stream):
    job = _start(clip, build_stream)
    status = job.wait(60)
    assert status.error is None
    assert status.summary is not None
    assert status.summary.num_frames == 10
    assert probe_video(job.annotated).codec == "h264"
    assert len(job.load_rows()) == status.summary.num_rows == 10


def test_closing_removes_every_file(clip, build_stream, temporary):
    job = _start(clip, build_stream)
    job.wait(60)
    assert len(list(temporary.iterdir())) == 2
    job.close()
    job.video.close()
    assert list(temporary.iterdir()) == []


def test_a_session_that_ends_takes_running_job_and_files_with_it(build_stream, temporary):
    job = _start(_video(600), build_stream)
    _wait_until_started(job)
    del job
    gc.collect()
    _wait_until(lambda: not list(temporary.iterdir()))
    _wait_until(lambda: not any(item.name == "fer-video-job" for item in threading.enumerate()))


def test_cancelling_keeps_what_was_done(build_stream):
    job = _start(_video(600), build_stream)
    _wait_until_started(job)
    job.cancel()
    summary = job.wait(60).summary
    assert summary is not None
    assert summary.was_cancelled
    assert 0 < summary.num_frames < 600
    assert probe_video(job.annotated).num_frames == summary.num_frames


def test_a_fer_error_of_the_thread_is_the_jobs_error(clip):
    def fail():
        raise CheckpointError("the model is gone")

    assert _start(clip, fail).wait(30).error == "the model is gone"


def test_an_unexpected_error_is_logged_and_told_without_detail(clip, caplog):
    def fail():
        raise RuntimeError("secret detail")

    error = _start(clip, fail).wait(30).error
    assert error is not None
    assert "secret" not in error
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.parametrize("data", [b"", b"hello, I am text"])
def test_what_is_no_video_leaves_nothing_behind(data, temporary):
    with pytest.raises(MediaError, match=r"notes\.mp4"):
        UploadedVideo("notes.mp4", data)
    assert list(temporary.iterdir()) == []


def test_a_long_video_is_refused(clip, monkeypatch, temporary):
    monkeypatch.setattr(video_job, "LIMITS", video_job.VideoLimits(max_duration_s=0.5))
    with pytest.raises(MediaError, match="fer annotate"):
        UploadedVideo("clip.mp4", clip)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.mp4", "a\nb*`.mp4", ".mp4", "no ending", "x" * 300 + ".mp4"]
)
def test_names_of_uploads_stay_in_their_folder(name, clip):
    video = UploadedVideo(name, clip)
    assert video.path.parent == video.folder
    assert len(video.path.name) < 100
    assert not set(video.path.name) & set("/\n*`")


def _open_page(*, clip: bytes | None = None, name: str = "clip.mp4", **state) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.session_state[Key.MEDIA_TAB] = VIDEO_TAB
    for key, value in state.items():
        page.session_state[key] = value
    page.run()
    if clip is not None:
        page.file_uploader(key=Key.VIDEO_UPLOAD).set_value((name, clip, "video/mp4")).run()
    return page


def _texts(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind)


def _analyze(page: AppTest) -> AppTest:
    next(item for item in page.button if item.label == "Analyze the video").click().run()
    page.session_state[Key.VIDEO_JOB].wait(60)
    return page.run()


def test_a_video_goes_in_and_its_timeline_comes_out(save_model, clip):
    save_model("first")
    page = _open_page(clip=clip, detector="whole-image")
    assert not page.exception
    assert "128 × 128 px · 10 fps · h264 · no sound" in _texts(page)
    _analyze(page)
    assert not page.exception
    assert not page.error
    assert [item.value for item in page.subheader] == ["Mean shares", "Over time"]
    assert "10 frames of 128 × 128 px" in _texts(page)
    moment = page.slider(key=Key.VIDEO_MOMENT)
    assert (moment.min, moment.max) == (0.0, pytest.approx(0.9))
    moment.set_value(0.5).run()
    assert not page.exception
    assert page.session_state[Key.VIDEO_MOMENT] == 0.5


def test_another_upload_removes_the_last_ones_files(save_model, clip, temporary):
    save_model("first")
    page = _analyze(_open_page(clip=clip, detector="whole-image"))
    first = page.session_state[Key.VIDEO_JOB]
    assert first.annotated.is_file()
    page.file_uploader(key=Key.VIDEO_UPLOAD).set_value(("other.mp4", _video(5), "video/mp4")).run()
    assert not page.exception
    assert not first.annotated.exists()
    assert not first.video.path.exists()
    assert len(list(temporary.iterdir())) == 1
    page.file_uploader(key=Key.VIDEO_UPLOAD).set_value(None).run()
    assert list(temporary.iterdir()) == []


def test_text_called_mp4_is_a_message(save_model):
    save_model("first")
    page = _open_page(clip=b"hello, I am text", name="notes.mp4")
    assert not page.exception
    (error,) = page.error
    assert "not a video that can be read" in error.value


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
    page = _analyze(_open_page(clip=buffer.getvalue(), detector="haar"))
    assert not page.exception
    assert "No face was found in this video" in _texts(page)
    assert not page.slider(key=SharedKey.TOP_K).disabled
    assert Key.VIDEO_MOMENT not in page.session_state


def test_a_running_job_can_be_cancelled_from_the_page(save_model, monkeypatch):
    save_model("first")
    page = _open_page(clip=_video(600), detector="whole-image")
    next(item for item in page.button if item.label == "Analyze the video").click().run()
    job = page.session_state[Key.VIDEO_JOB]
    cancel = [item for item in page.button if item.label == "Cancel"]
    assert cancel, "the job was done before the page was shown"
    _wait_until_started(job)
    cancel[0].click().run()
    summary = job.wait(60).summary
    assert summary is not None
    assert summary.was_cancelled
    page.run()
    assert not page.exception
    assert "Stopped early" in _texts(page)


def test_progress_in_words():
    assert describe_progress(JobStatus(), False) == "Reading the first frames…"
    progress = Progress(num_done=250, num_total=1500, fps=10.0)
    assert describe_progress(JobStatus(progress=progress), False) == (
        "250 of 1,500 frames · 10 fps · 2 min 05 s left"
    )
    unknown = Progress(num_done=250, num_total=None, fps=10.0)
    assert describe_progress(JobStatus(progress=unknown), False) == "250 frames · 10 fps"
    assert describe_progress(JobStatus(progress=progress), True).startswith("Stopping")


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


def test_the_timeline_has_a_curve_an_emotion_in_its_colour():
    times = [0.0, 0.5, 1.0]
    timeline = pd.DataFrame({"time_s": times, "happiness": [0.2, 0.5, 0.9], "fear": [0.8, 0.5, 0.1]})
    figure = build_timeline_chart(timeline, ["happiness", "fear"], moment_s=0.5)
    assert [trace.name for trace in figure.data] == ["happiness", "fear"]
    assert [trace.line.color for trace in figure.data] == [
        EMOTION_COLORS["happiness"],
        EMOTION_COLORS["fear"],
    ]
    assert list(figure.data[0].y) == pytest.approx([20, 50, 90])
    assert all("markers" in trace.mode for trace in figure.data)  # else nothing can be clicked
    assert figure.layout.shapes[0].x0 == 0.5


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (None, None),
        ({"selection": {"points": []}}, None),
        ({"selection": {"points": [{"x": 1.25, "y": 3.0}]}}, 1.25),
    ],
)
def test_a_click_in_the_timeline_is_a_moment(event, expected):
    assert chosen_moment(event) == expected


def test_the_page_offers_only_files_it_reads():
    from fer_core.inference.video_reader import VIDEO_SUFFIXES

    assert {f".{name}" for name in video_view.VIDEO_TYPES} <= set(VIDEO_SUFFIXES)


def test_a_session_that_is_gone_is_cleaned_up_after_and_one_that_is_back_is_not(monkeypatch):
    done = []
    watch = session_end._Watch("mine", lambda: done.append(1))
    alive = SimpleNamespace(is_active_session=lambda session_id: session_id == "mine")
    monkeypatch.setattr(session_end.runtime, "exists", lambda: True)
    monkeypatch.setattr(session_end.runtime, "get_instance", lambda: alive)
    watch.act_if_gone()
    assert done == []
    alive.is_active_session = lambda _session_id: False
    watch.act_if_gone()
    assert done == [1]
