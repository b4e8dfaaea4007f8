"""One page that finds and reads faces by itself: what it is made of, and how the parts find each other."""

import dataclasses
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Final, Literal

from fer_core.browser.consent import AGREE, IN_BROWSER
from fer_core.browser.modules import ASSETS, Publish, publish_modules
from fer_core.browser.runtime import require_runtime
from fer_core.checkpoint import CheckpointEntry
from fer_core.errors import CheckpointError, ConfigError
from fer_core.inference.class_prior import GENERAL_PRIOR
from fer_core.inference.detectors.yunet_network import open_sides
from fer_core.inference.downloads import YUNET, require_file
from fer_core.inference.face_quality import COEFFICIENTS
from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.predictor import find_export
from fer_core.inference.tracker import TemporalConfig
from fer_core.io import read_json
from fer_core.onnx_file import load_onnx_info
from fer_core.palette import emotion_color
from fer_core.results import name_columns
from fer_core.workspace import Workspace

DETECTOR_SIDE_PX: Final[int] = 320
"""Longest side that YuNet searches in a browser: a quarter of the time of 640 px, on one thread."""
# The worker is begun from a blob of the page, so it obeys this, too: no address but the own one.
_POLICY: Final[str] = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'"
)

Mode = Literal["alone", "embedded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """What a page begins with."""

    models: tuple[str, ...] = ()
    """Keys, one or two; none where the workbench around the page chooses."""
    prior: str = GENERAL_PRIOR
    temporal: TemporalConfig = dataclasses.field(default_factory=TemporalConfig)
    style: OverlayStyle = dataclasses.field(default_factory=OverlayStyle)
    mirror: bool = True

    def to_json(self) -> dict[str, Any]:
        """As the page reads it."""
        return {
            "models": list(self.models),
            "prior": self.prior,
            "smoothingS": self.temporal.smoothing_s,
            "detectEvery": self.temporal.detect_every,
            "topK": self.style.top_k,
            "sureFrom": self.style.sure_from,
            "mirror": self.mirror,
        }


def build_page(
    entries: Sequence[CheckpointEntry],
    settings: PageSettings,
    workspace: Workspace,
    publish: Publish,
    *,
    mode: Mode,
    title: str = "Apparent expressions",
    offline: str = "",
) -> str:
    """Publish all that a page needs and return its HTML.

    Args:
        entries: models that can be chosen there; none where the workbench around the page chooses.
        settings: what it begins with.
        workspace: where runtime, detector and exported files are.
        publish: see `fer_core.browser.modules.Publish`; addresses relative to the page.
        mode: a page by itself, or a part of the workbench's.
        title: of the page.
        offline: address of the script that keeps the page's files; none if empty.

    Raises:
        FerError: the runtime or the detector is not installed, or a model has no fitting ONNX file.
    """
    runtime = require_runtime(workspace)
    detector = require_file(YUNET, workspace)
    scripts = publish_modules(("app.js", "worker.js"), publish)
    config = {
        "mode": mode,
        "settings": settings.to_json(),
        "worker": scripts["worker.js"],
        "runtime": {
            "script": publish("onnxruntime.js", runtime.script.read_bytes()),
            "binary": publish("onnxruntime.wasm.gz", runtime.binary_gz.read_bytes()),
        },
        "detector": {
            "file": publish("yunet.onnx", open_sides(detector.read_bytes())),
            "max_side_px": DETECTOR_SIDE_PX,
        },
        "quality": read_json(COEFFICIENTS, ConfigError),
        "models": [describe_model(entry, workspace, publish) for entry in entries],
        "columns": list(FIXED_COLUMNS),
        "offline": offline,
    }
    return Template((ASSETS / "page.html").read_text("utf-8")).substitute(
        mode=mode,
        policy=_POLICY,
        title=html.escape(title),
        style=publish("app.css", (ASSETS / "app.css").read_bytes()),
        script=scripts["app.js"],
        consent="".join(f"<li>{_to_html(item)}</li>" for item in IN_BROWSER),
        agree=AGREE,
        about=_describe_origin(entries),
        config=json.dumps(config).replace("<", "\\u003c"),  # a name must not end the script element
    )


def describe_model(entry: CheckpointEntry, workspace: Workspace, publish: Publish) -> dict[str, Any]:
    """What a page needs to know of a model, its exported file published.

    Raises:
        CheckpointError: it has no ONNX file that fits.
    """
    info = entry.info
    record = find_export(entry, workspace)
    exported = load_onnx_info(record.path)
    if record.path.stat().st_size != record.num_bytes:
        raise CheckpointError(
            f"{entry.key} keeps its weights in a second file, which is too much for a browser; "
            "take another model"
        )
    general = info.general
    return {
        "name": entry.key,
        "title": info.name,
        "file": publish("model.onnx", record.path.read_bytes()),
        "classes": [{"name": name, "color": emotion_color(name)} for name in info.classes],
        "columns": name_columns(info.classes),
        "input": dataclasses.asdict(info.input),
        "uint8": exported.uint8_input,
        "temperature": info.temperature,
        "learned": info.class_prior,
        "general": general and {"prior_strength": general.prior_strength, "temperature": general.temperature},
    }


def _to_html(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))


def _describe_origin(entries: Sequence[CheckpointEntry]) -> str:
    """A line a model: where it comes from, and what is known of how often it is right."""
    lines = []
    for entry in entries:
        info = entry.info
        scores = [metric for metric in info.metrics if isinstance(metric.get("accuracy"), int | float)]
        score = f"{scores[0]['accuracy']:.1%} of labels right ({scores[0].get('protocol')})" if scores else ""
        facts = [info.name, f"{len(info.classes)} classes", score, f"weights {info.weights_sha256[:12]}"]
        lines.append(f"<p>{html.escape(' · '.join(fact for fact in facts if fact))}</p>")
    return "".join(lines)
