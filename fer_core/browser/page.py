"""One page that finds and reads faces by itself: what it is made of, and how the parts find each other."""

import base64
import dataclasses
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Final, Literal

from fer_core.browser.consent import AGREE, IN_BROWSER
from fer_core.browser.modules import ASSETS, Publish, hash_name, join_modules, publish_modules
from fer_core.browser.runtime import find_gpu_runtime, require_runtime
from fer_core.checkpoint import CheckpointEntry, require_kind
from fer_core.errors import CheckpointError, ConfigError
from fer_core.inference.class_prior import GENERAL_PRIOR
from fer_core.inference.detectors.yunet_network import open_sides
from fer_core.inference.downloads import YUNET, require_file
from fer_core.inference.face_quality import COEFFICIENTS
from fer_core.inference.face_table import FIXED_COLUMNS
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.pipeline import FIXED_COLUMNS as PICTURE_COLUMNS
from fer_core.inference.predictor import find_export
from fer_core.inference.tracker import TemporalConfig
from fer_core.io import read_json
from fer_core.onnx_file import load_onnx_info
from fer_core.palette import emotion_color
from fer_core.provenance import answer_use
from fer_core.results import name_columns
from fer_core.sound.activity import find_network
from fer_core.workspace import Workspace

DETECTOR_SIDE_PX: Final[int] = 320
"""Longest side that YuNet searches in a browser: a quarter of the time of 640 px, on one thread."""
PICTURE_SIDE_PX: Final[int] = 1280
"""The same of a picture by itself, which has time: what `fer predict` searches."""
# The worker is begun from a blob of the page, so it obeys this, too: no address but the own one.
_POLICY: Final[str] = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'"
)
# A page that is one file has no need even of its own address, and nothing that it could load: all is inside.
_SINGLE_POLICY: Final[str] = (
    "default-src 'none'; script-src '{script}' 'wasm-unsafe-eval' blob:; worker-src blob:; "
    "style-src '{style}'; img-src data: blob:; media-src blob:; base-uri 'none'; form-action 'none'"
)

LICENSES: Final[str] = "onnxruntime-web: MIT licence, Microsoft. YuNet: MIT licence, Shiqi Yu."

Mode = Literal["alone", "embedded"]
Purpose = Literal["camera", "files"]


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
            "voice": None,
        }


def build_page(
    entries: Sequence[CheckpointEntry],
    settings: PageSettings,
    workspace: Workspace,
    publish: Publish,
    *,
    mode: Mode,
    purpose: Purpose = "camera",
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
        purpose: what it is for: the camera (files can be read, too), or files only.
        title: of the page.
        offline: address of the script that keeps the page's files; none if empty.

    Raises:
        FerError: the runtime or the detector is not installed, or a model has no fitting ONNX file.
    """
    config = _configure(entries, settings, workspace, publish)
    if gpu := find_gpu_runtime(workspace):
        config["runtime"]["gpu"] = {
            "script": publish("onnxruntime-gpu.js", gpu.script.read_bytes()),
            "binary": publish("onnxruntime-gpu.wasm.gz", gpu.binary_gz.read_bytes()),
        }
    scripts = publish_modules(("app.js", "worker.js", "tap.js"), publish)
    config |= {"mode": mode, "purpose": purpose, "offline": offline}
    config |= {name: scripts[f"{name}.js"] for name in ("worker", "tap")}
    style = publish("app.css", (ASSETS / "app.css").read_bytes())
    head = (
        f'<link rel="stylesheet" href="{style}">\n<script type="module" src="{scripts["app.js"]}"></script>'
    )
    return _fill(entries, config, title=title, policy=_POLICY, head=head)


def build_single_page(
    entries: Sequence[CheckpointEntry], settings: PageSettings, workspace: Workspace, *, title: str
) -> str:
    """A page by itself that holds all it needs: one HTML file, which works from a disk, too.

    Raises:
        FerError: as for `build_page`.
    """
    files: dict[str, bytes] = {}

    def publish(name: str, content: bytes) -> str:
        hashed = hash_name(name, content)
        files[hashed] = content if name.endswith((".js", ".gz")) else gzip.compress(content, 9, mtime=0)
        return hashed

    config = _configure(entries, settings, workspace, publish)
    worker = publish("worker.js", join_modules("worker.js").encode())
    config |= {"mode": "alone", "purpose": "camera", "worker": worker, "offline": ""}
    style, script = (ASSETS / "app.css").read_text("utf-8"), join_modules("app.js")
    inside = "".join(
        f'<script type="text/plain" id="{name}">{base64.b64encode(content).decode()}</script>\n'
        for name, content in files.items()
    )
    return _fill(
        entries,
        config,
        title=title,
        policy=_SINGLE_POLICY.format(script=_hash_source(script), style=_hash_source(style)),
        head=f'<style>{style}</style>\n<script type="module">{script}</script>',
        inside=inside,
    )


def _hash_source(text: str) -> str:
    """What a policy calls a script or style by that stands in the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _configure(
    entries: Sequence[CheckpointEntry], settings: PageSettings, workspace: Workspace, publish: Publish
) -> dict[str, Any]:
    """What a page's scripts need to know, its files published."""
    runtime = require_runtime(workspace)
    detector = require_file(YUNET, workspace)
    return {
        "settings": settings.to_json(),
        "runtime": {
            "script": publish("onnxruntime.js", runtime.script.read_bytes()),
            "binary": publish("onnxruntime.wasm.gz", runtime.binary_gz.read_bytes()),
        },
        "detector": {
            "file": publish("yunet.onnx", open_sides(detector.read_bytes())),
            "max_side_px": DETECTOR_SIDE_PX,
            "picture_side_px": PICTURE_SIDE_PX,
        },
        "quality": read_json(COEFFICIENTS, ConfigError),
        "models": [describe_model(entry, workspace, publish) for entry in entries],
        "columns": list(FIXED_COLUMNS),
        "pictureColumns": ["picture", *PICTURE_COLUMNS],
    }


def _fill(
    entries: Sequence[CheckpointEntry],
    config: dict[str, Any],
    *,
    title: str,
    policy: str,
    head: str,
    inside: str = "",
) -> str:
    return Template((ASSETS / "page.html").read_text("utf-8")).substitute(
        mode=config["mode"],
        purpose=config["purpose"],
        policy=policy,
        title=html.escape(title),
        head=head,
        consent="".join(f"<li>{_to_html(item)}</li>" for item in IN_BROWSER),
        agree=AGREE,
        about=_describe_origin(entries),
        config=json.dumps(config).replace("<", "\\u003c"),  # a name must not end the script element
        inside=inside,
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


def describe_voice(entry: CheckpointEntry, workspace: Workspace, publish: Publish) -> dict[str, Any]:
    """The same of a voice model, with the detector of speech.

    Raises:
        CheckpointError: it has no ONNX file that fits.
        MissingPackageError: the package that holds the detector is not installed.
    """
    require_kind(entry.info, "sound")
    speech = publish("silero-vad.onnx", find_network().read_bytes())
    return {**describe_model(entry, workspace, publish), "speech": speech}


def _to_html(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))


def describe_terms(entry: CheckpointEntry) -> str:
    """What the data of a model allow, in a line."""
    terms = "; ".join(item.describe() for item in entry.info.terms) or "no terms are recorded"
    return f"{entry.info.name}: {terms}. {answer_use(entry.info.terms)}"


def _describe_origin(entries: Sequence[CheckpointEntry]) -> str:
    """Two lines a model: where it comes from and how often it is right as far as is known; its terms."""
    lines = []
    for entry in entries:
        info = entry.info
        scores = [metric for metric in info.metrics if isinstance(metric.get("accuracy"), int | float)]
        score = f"{scores[0]['accuracy']:.1%} of labels right ({scores[0].get('protocol')})" if scores else ""
        facts = [info.name, f"{len(info.classes)} classes", score, f"weights {info.weights_sha256[:12]}"]
        lines += [" · ".join(fact for fact in facts if fact), describe_terms(entry)]
    return "".join(f"<p>{html.escape(line)}</p>" for line in [*lines, LICENSES])
