"""The live page without a browser: what it says, what it configures, and whom it contacts (nobody)."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
import streamlit_webrtc
from streamlit.testing.v1 import AppTest
from streamlit_webrtc import component

from app.live_webcam import camera as live
from app.live_webcam import in_browser
from app.live_webcam import readout as live_view
from app.live_webcam.microphone import describe_voice
from app.live_webcam.place import IN_BROWSER as IN_THE_BROWSER
from app.live_webcam.place import ON_SERVER as ON_THE_SERVER
from app.live_webcam.state import Key
from app.shared import session_end
from fer_core.browser.consent import HEARD_ON_SERVER, IN_BROWSER, ON_SERVER
from fer_core.checkpoint import find_checkpoint
from fer_core.collecting.collection import list_collections
from fer_core.data.synthetic import draw_portrait
from fer_core.errors import AnalysisError, ConfigError
from fer_core.inference.live_stats import HistoryCurve, LiveStats
from fer_core.labels import EMOTIONS
from fer_core.palette import EMOTION_COLORS
from fer_core.types import Prediction, VoiceResult
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.small_models import save_small_model, save_small_voice

PAGE = str(PROJECT_ROOT / "pages" / "live_webcam.py")


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv(live.ICE_VARIABLE, raising=False)
    # Whatever a machine has in its environment, the page must not go looking for servers with it.
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(component, "get_available_ice_servers", _forbidden)
    st.cache_resource.clear()


def _forbidden():
    raise AssertionError("streamlit-webrtc went looking for ICE servers")


@pytest.fixture
def empty_checkpoints(monkeypatch, tmp_path):
    """Tests must not depend on which models ship."""
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))


@pytest.fixture
def model(workspace, empty_checkpoints):
    return save_small_model(workspace, "first")


class Camera:
    """Stands in for streamlit-webrtc: remembers what it was given, and plays when told to."""

    def __init__(self) -> None:
        self.playing = False
        self.arguments: dict = {}

    def __call__(self, key, **arguments):
        self.arguments = arguments
        context = SimpleNamespace(state=SimpleNamespace(playing=self.playing, signalling=False))
        st.session_state[key] = context
        return context


@pytest.fixture
def camera(monkeypatch):
    camera = Camera()
    monkeypatch.setattr(streamlit_webrtc, "webrtc_streamer", camera)
    return camera


def _run(**session_state):
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in {"camera_consent": ON_SERVER, **session_state}.items():
        page.session_state[key] = value
    return page.run()


def _texts(page):
    kinds = (page.markdown, page.info, page.warning, page.error, page.caption)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_without_a_model_the_page_says_how_to_get_one(workspace, empty_checkpoints, camera):
    page = _run()
    assert not page.exception
    assert "fer train" in _texts(page)
    assert camera.arguments == {}


def test_consent_is_asked_for_once_before_the_camera_is_offered(model, camera):
    page = _run(camera_consent=None)
    assert not page.exception
    assert ON_SERVER[-1] in _texts(page)
    assert "apparent expressions" in "".join(ON_SERVER)
    assert camera.arguments == {}, "the camera is offered before anyone was asked"
    assert "live_session" not in page.session_state
    page.button(key="live-consent").click().run()
    assert not page.exception
    assert ON_SERVER[-1] not in _texts(page)
    assert camera.arguments["media_stream_constraints"]["audio"] is False
    assert camera.arguments["async_processing"] is True
    page.run()
    assert ON_SERVER[-1] not in _texts(page)


def test_the_microphone_is_off_until_it_is_asked_for_and_everyone_agreed(model, workspace, camera):
    page = _run()
    assert page.toggle(key=Key.LISTEN).disabled, "there is no voice model"
    save_small_voice(workspace, "ears")
    page.run()
    page.toggle(key=Key.LISTEN).set_value(True)
    camera.arguments = {}
    page.run()
    assert camera.arguments == {}
    assert HEARD_ON_SERVER[-1] in _texts(page)
    camera.playing = True
    page.button(key="live-consent-microphone").click().run()
    assert not page.exception
    assert camera.arguments["media_stream_constraints"]["audio"]
    assert camera.arguments["desired_playing_state"] is None
    session = page.session_state["live_session"]
    assert camera.arguments["sink_audio_track"]._callback == session.process_sound
    page.run()
    assert {metric.label: metric.value for metric in page.metric}["Voice"] == "–"
    page.toggle(key=Key.LISTEN).set_value(False).run()
    assert camera.arguments["media_stream_constraints"]["audio"] is False
    assert camera.arguments["desired_playing_state"] is False, "the microphone stops with the camera"
    assert session.voice() is None
    camera.playing = False
    page.run()
    assert camera.arguments["desired_playing_state"] is None, "there is a button again"
    page.button(key="live-ask-again").click().run()
    assert Key.MICROPHONE_CONSENT not in page.session_state


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        (None, "no sound comes"),
        (VoiceResult(is_speech=False), "nobody speaks"),
        (VoiceResult(is_speech=True), "somebody speaks"),
        (VoiceResult(is_speech=True, prediction=Prediction(("a*b", "calm"), (0.7, 0.3))), "70 % probable"),
    ],
)
def test_what_is_heard_is_said_in_words(voice, said):
    value, note = describe_voice(voice)
    assert said in note
    assert value in ("–", "…", r"a\*b")


def test_consent_can_be_asked_for_anew_once_the_camera_stopped(model, camera):
    camera.playing = True
    page = _run()
    assert page.button(key="live-ask-again").disabled
    camera.playing, camera.arguments = False, {}
    page.run()
    page.button(key="live-ask-again").click().run()
    assert ON_SERVER[-1] in _texts(page)
    camera.arguments = {}
    page.run()
    assert camera.arguments == {}


def test_the_real_component_gets_no_servers_and_no_token(model, monkeypatch):
    sent = {}
    # AppTest's runtime has no sessions to look up; streamlit-webrtc copes with None.
    monkeypatch.setattr(component, "get_this_session_info", lambda: None)
    monkeypatch.setattr(component, "_component_func", lambda **arguments: sent.update(arguments))
    page = _run()
    assert not page.exception
    assert not page.error
    assert sent["rtc_configuration"] == {"iceServers": []}
    assert "hf_secret" not in repr(sent)


class Worker:
    """Stands in for the stream of streamlit-webrtc: remembers whether it was stopped."""

    backend = "aiortc"
    local_description = None

    def __init__(self) -> None:
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def update_video_callbacks(self, **callbacks) -> None:
        pass


@pytest.mark.parametrize("shows_another", [False, True], ids=["quick-changes", "another-page"])
def test_only_another_page_stops_the_camera_however_quickly_changes_follow(model, monkeypatch, shows_another):
    # Streamlit counts a run a moment after its end: of two that follow quickly, both before the next begins.
    counts = itertools.count(step=2)
    monkeypatch.setattr(component, "get_this_session_info", object)
    monkeypatch.setattr(component, "get_script_run_count", lambda _: next(counts))
    worker = Worker()
    page = _run()
    context = page.session_state[live.LiveKey.CAMERA]
    context._set_worker(worker)
    context._set_state(component.WebRtcStreamerState(playing=True, signalling=False))
    if shows_another:  # Streamlit drops the component's value
        del page.session_state[component.generate_frontend_component_key(live.LiveKey.CAMERA)]
    for _ in range(3):
        page.run()
        assert not page.exception
    assert worker.stopped is shows_another
    assert context.state.playing is not shows_another


def test_the_server_side_asks_nobody_either():
    configuration = live.build_rtc_configuration()
    assert component._resolve_server_rtc_configuration(configuration).iceServers == []
    assert component.enhance_frontend_rtc_configuration(configuration) == {"iceServers": []}
    with pytest.raises(AssertionError, match="went looking"):  # what happens when it is left out
        component._resolve_server_rtc_configuration({})
        component._resolve_server_rtc_configuration(None)


def test_servers_come_from_the_environment(model, camera, monkeypatch):
    servers = [{"urls": ["turn:turn.example.org:3478"], "username": "me", "credential": "s3cret"}]
    monkeypatch.setenv(live.ICE_VARIABLE, json.dumps(servers))
    assert not _run().exception
    assert camera.arguments["rtc_configuration"] == {"iceServers": servers}


def test_servers_come_from_the_secrets_file(model, camera):
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.session_state["camera_consent"] = ON_SERVER
    page.secrets["webrtc"] = {"ice_servers": [{"urls": "stun:stun.example.org:3478"}]}
    page.run()
    assert not page.exception
    assert camera.arguments["rtc_configuration"] == {"iceServers": [{"urls": ["stun:stun.example.org:3478"]}]}


def test_a_slip_in_the_servers_is_a_message(model, camera, monkeypatch):
    monkeypatch.setenv(live.ICE_VARIABLE, '[{"urls": "https://a.example"}]')
    page = _run()
    assert not page.exception
    (message,) = page.error
    assert "ICE" in message.value
    assert "expected stun" in message.value


def test_a_damaged_model_is_a_message_and_another_can_be_chosen(model, workspace, camera):
    save_small_model(workspace, "second")
    weights = next(model.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8] + b"damaged!")
    page = _run(model="first/best")
    assert not page.exception
    assert any("SHA-256" in message.value for message in page.error)
    page.selectbox(key="model").set_value("second/best").run()
    assert not page.exception
    assert not page.error
    assert page.session_state["live_session"].is_ready


def test_settings_reach_the_running_session(model, camera):
    page = _run()
    page.slider(key="top_k").set_value(1)
    page.slider(key=live.LiveKey.SMOOTHING).set_value(1.5)
    page.select_slider(key=live.LiveKey.DETECT_EVERY).set_value(7)
    page.toggle(key=live.LiveKey.MIRROR).set_value(False)
    page.run()
    settings = page.session_state["live_session"].settings
    assert settings.style.top_k == 1
    assert settings.temporal.smoothing_s == 1.5
    assert settings.temporal.detect_every == 7
    assert settings.mirror is False


def test_a_playing_stream_shows_label_pace_and_chart(model, workspace, camera):
    save_small_model(workspace, "second")
    camera.playing = True
    page = _run(detector="whole-image")
    session = page.session_state["live_session"]
    for _ in range(3):
        session.process(draw_portrait("happiness", np.random.default_rng(0), size=240), num_received=2)
    page.run()
    assert not page.exception
    assert not page.error
    (metric,) = page.metric
    assert metric.label == "Apparent expression"
    assert metric.value == session.readings()[0].label in (*EMOTIONS, "uncertain")
    assert camera.arguments["video_html_attrs"]["style"]["aspectRatio"] == "1.000"  # as the picture has
    texts = _texts(page)
    assert "3 of 6 frames analyzed · 3 dropped · 0 failed" in texts
    assert "Slow:" in texts  # half of the frames were dropped


def test_two_models_are_compared_while_playing(model, workspace, camera):
    save_small_model(workspace, "second")
    camera.playing = True
    page = _run(detector="whole-image", model="first/best")
    first_detector = page.session_state["live_session"].detector
    page.toggle(key=live.LiveKey.COMPARE).set_value(True).run()
    page.selectbox(key=live.LiveKey.SECOND_MODEL).set_value("second/best").run()
    session = page.session_state["live_session"]
    picture = draw_portrait("happiness", np.random.default_rng(0), size=240)
    assert session.process(picture).shape == (180, 360, 3)
    page.run()
    assert [metric.label for metric in page.metric] == ["Left: first", "Right: second"]
    assert first_detector is not None
    assert not page.exception


def test_comparing_needs_a_second_model(model, camera):
    page = _run()
    assert page.toggle(key=live.LiveKey.COMPARE).disabled


def test_errors_of_frames_are_shown(model, camera):
    camera.playing = True
    page = _run(detector="whole-image")
    session = page.session_state["live_session"]
    session.process(None)
    page.run()
    (message,) = page.error
    assert "1 of 1 frame could not be analyzed" in message.value
    assert not page.exception


def test_a_camera_that_gives_no_picture_is_told(model, camera, monkeypatch):
    monkeypatch.setattr(live_view, "_PATIENCE_S", -1.0)
    page = _run(detector="whole-image")
    assert not page.warning, "it does not play"
    camera.playing = True
    page.run()
    assert [message.value for message in page.warning] == [live_view._STILL]
    page.session_state["live_session"].process(draw_portrait("happiness", np.random.default_rng(0), size=240))
    assert not page.run().warning
    assert not page.exception


@pytest.mark.parametrize("key", [live.LiveKey.RECORD, live.LiveKey.COLLECT])
def test_a_redraw_undoes_no_click(model, camera, key):
    camera.playing = True
    page = _run(detector="whole-image")
    assert not page.toggle(key=key).proto.set_value, "the browser is told to forget what was clicked since"
    page.toggle(key=key).set_value(True).run()
    assert page.toggle(key=key).value and not page.toggle(key=key).proto.set_value
    camera.playing = False
    page.session_state["live_session"].stop_recording()
    page.run()
    assert page.toggle(key=key).proto.set_value and not page.toggle(key=key).value, "it ended by itself"
    assert not page.exception


def test_recording_is_off_until_it_is_switched_on(model, camera):
    camera.playing = True
    page = _run(detector="whole-image")
    session = page.session_state["live_session"]
    assert not session.recording().is_recording
    page.toggle(key=live.LiveKey.RECORD).set_value(True).run()
    assert session.recording().is_recording
    assert live_view.RECORDING_NOTICE in _texts(page)
    session.process(draw_portrait("happiness", np.random.default_rng(0), size=240))
    page.toggle(key=live.LiveKey.RECORD).set_value(False).run()
    assert not session.recording().is_recording
    assert session.recorded_file().read_bytes()[4:8] == b"ftyp"
    assert not page.exception


def test_collected_faces_are_kept_though_the_page_was_left_meanwhile(model, workspace, camera):
    camera.playing = True
    page = _run(detector="whole-image")
    page.text_input(key=live.LiveKey.COLLECTION).set_value("mine").run()
    page.toggle(key=live.LiveKey.COLLECT).set_value(True).run()
    page.session_state["live_session"].process(draw_portrait("happiness", np.random.default_rng(0), size=240))
    page.button_group(key="live_place").set_value(IN_THE_BROWSER).run()
    camera.playing = False
    page.button_group(key="live_place").set_value(ON_THE_SERVER).run()
    assert not page.error and not page.exception
    assert "1 of 1 face went into **mine**" in _texts(page)
    assert [item.name for item in list_collections(workspace)] == ["mine"]


def test_the_snapshot_is_the_drawn_picture(model, camera):
    import io

    from PIL import Image

    camera.playing = True
    page = _run(detector="whole-image")
    session = page.session_state["live_session"]
    assert live_view.encode_snapshot(session) == b""
    drawn = session.process(draw_portrait("happiness", np.random.default_rng(0), size=240))
    picture = np.asarray(Image.open(io.BytesIO(live_view.encode_snapshot(session))))
    np.testing.assert_array_equal(picture, drawn)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, False),
        ("http://localhost:8501/live", False),
        ("http://127.0.0.1:8501", False),
        ("http://[::1]:8501", False),
        ("http://fer.localhost", False),
        ("https://fer.example.org", False),
        ("http://192.168.0.7:8501", True),
        ("http://fer.example.org", True),
    ],
)
def test_plain_http_from_elsewhere_is_warned_about(url, expected):
    assert live.lacks_secure_origin(url) is expected


def _report(*, dropped, latency_ms):
    stats = LiveStats()
    for index in range(50):
        stats.add_processed(index * 0.1, dropped + 1, latency_ms, {})
    return stats.report(4.9)


def test_slowness_is_said_plainly_and_its_cause_named():
    assert live_view.describe_slowness(_report(dropped=0, latency_ms=5)) is None
    slow = live_view.describe_slowness(_report(dropped=2, latency_ms=90))
    assert "Slow: 10 of 31 frames a second, 67 % of frames dropped." in slow
    assert "take a smaller model" in slow
    assert "busy with other work" in live_view.describe_slowness(_report(dropped=2, latency_ms=5))


def test_the_chart_stacks_every_class_in_its_colour():
    curve = HistoryCurve(
        classes=EMOTIONS,
        times_s=np.array([-1.0, 0.0], np.float32),
        probabilities=np.full((2, 8), 0.125, np.float32),
    )
    figure = live_view.build_history_chart(curve)
    assert [trace.name for trace in figure.data] == list(EMOTIONS)
    assert [trace.fillcolor for trace in figure.data] == [EMOTION_COLORS[name] for name in EMOTIONS]
    assert sum(trace.y[0] for trace in figure.data) == pytest.approx(100)


def test_unreadable_servers_are_refused(monkeypatch):
    monkeypatch.setenv(live.ICE_VARIABLE, "not json")
    with pytest.raises(ConfigError, match="FER_ICE_SERVERS is no JSON"):
        live.load_ice_servers()


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


def test_the_browser_reads_faces_only_once_what_it_needs_is_here(model, camera):
    page = _run()
    assert page.button_group(key="live_place").value == ON_THE_SERVER
    page.button_group(key="live_place").set_value(IN_THE_BROWSER).run()
    assert not page.exception
    assert "fer fetch browser" in _texts(page)
    assert page.button(key="get-browser-runtime").label.startswith("Get onnxruntime-web")


def test_consent_is_asked_anew_where_faces_are_read_elsewhere(model, camera, monkeypatch):
    monkeypatch.setattr("app.shared.browser_needs.explain_missing", lambda *_: False)
    page = _run(live_place=IN_THE_BROWSER)
    assert not page.exception
    assert IN_BROWSER[-1] in _texts(page)


@pytest.mark.parametrize(
    "sent", ["text", [1], {}, {"model": "fer-tiny"}, {"model": "fer-tiny", "size": 5}, {"model": ["x"]}]
)
def test_what_a_browser_sends_wrongly_is_refused_in_words(workspace, sent):
    entry = find_checkpoint("fer-tiny", workspace)
    choice = live.LiveChoice(models=(entry,), detector="yunet", prior="general", settings=live.LiveSettings())
    with pytest.raises(AnalysisError):
        in_browser._keep(sent, choice, workspace)
    assert not workspace.analyses.exists()
