"""Opening every page contacts nobody: a served dashboard under a guard that sees every socket of Python."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

from app.shared import navigation
from fer_core.inference.sample import sample_path
from fer_core.workspace import PROJECT_ROOT
from tests.security.visits import visit

PAGES = [
    *sorted(path.stem for path in (PROJECT_ROOT / "pages").glob("*.py") if path.stem != "__init__"),
    "",
]
ADDRESSES = [
    *((page, "") for page in PAGES),
    ("models", "model=small/best"),
    ("explore_data", "dataset=nothing"),
    ("train", "run=small"),
]


def test_every_page_is_visited():
    specs = [item for item in vars(navigation).values() if isinstance(item, navigation.PageSpec)]
    assert {spec.file.removesuffix(".py") for spec in specs} <= set(PAGES)
    assert len(PAGES) >= 8


@pytest.mark.parametrize(("page", "query"), ADDRESSES)
def test_a_page_contacts_nobody(served, outbound, page, query):
    answers = visit(served, page=page, query=query)
    assert answers, "the page sent something"
    assert not outbound.read()


def test_telemetry_is_off():
    config = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text())
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["showEmailPrompt"] is False


def test_onnxruntime_reports_nothing(tmp_path):
    """Its native code reports past Python's sockets; what it would send waits in files."""
    hushes = {"CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
    environment = {name: value for name, value in os.environ.items() if name not in hushes}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    model = PROJECT_ROOT / "checkpoints" / "fer-tiny" / "model-fp32.onnx"
    code = f"import fer_core, onnxruntime; onnxruntime.InferenceSession({str(model)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, check=True, timeout=120)
    assert not [path.name for path in tmp_path.rglob("*") if path.is_file()]


def test_building_a_backbone_asks_no_hub(outbound):
    """timm and torch know where weights are; without `--transfer.weights hub` nobody asks for them."""
    code = (
        "from fer_core.models import build_model\n"
        "build_model('timm/mobilenetv3_small_050', num_classes=8, in_channels=1, input_size=(48, 48))\n"
        "from fer_core.exchange.hub import has_hub_login, is_hub_offline\n"
        "has_hub_login(), is_hub_offline()\n"
    )
    environment = os.environ | outbound.environment | {"HF_HUB_OFFLINE": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not outbound.read()


def test_the_better_detector_is_the_only_thing_fetched_unasked(tmp_path, outbound):
    """Announced before, tried once, and never where it is forbidden; the picture is read all the same."""
    log = tmp_path / "attempts.log"
    environment = os.environ | outbound.environment | {"FER_NETWORK_LOG": str(log), "HF_HUB_OFFLINE": ""}
    environment |= {"FER_WORKSPACE": str(tmp_path / "workspace"), "FER_OFFLINE": "1"}
    environment["PYTHONPATH"] += os.pathsep + str(PROJECT_ROOT)
    command = [sys.executable, "-m", "fer_core", "predict", str(sample_path()), "--model", "fer-tiny"]

    def predict() -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "happiness" in done.stdout
        return done.stderr

    assert "Fetching" not in predict() and not log.exists()
    environment["FER_OFFLINE"] = ""
    assert (
        predict().splitlines()[0].startswith("Fetching YuNet once: 233 KB from media.githubusercontent.com")
    )
    hosts = re.findall(r"^socket\.\S+ '([^']+)'", log.read_text(), re.MULTILINE)
    assert set(hosts) == {"media.githubusercontent.com"}
    log.unlink()
    assert "Fetching" not in predict() and not log.exists()


def test_the_live_page_names_no_server_of_its_own(monkeypatch):
    """An empty list, rather than none, keeps streamlit-webrtc from asking services on the internet."""
    from app.live_webcam.camera import ICE_VARIABLE, build_rtc_configuration

    monkeypatch.delenv(ICE_VARIABLE, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_canary4QpZxTdVbN")
    configuration = build_rtc_configuration()
    assert configuration == {"iceServers": []}
    assert "canary" not in json.dumps(configuration)
