"""How fast models are: torch against ONNX, by batch size, threads and precision.

All contestants of a batch size and thread count take turns within a round, so that what else the machine does
affects all equally; ratios are medians over rounds of the ratio within a round.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from fer_core.checkpoint import CheckpointInfo, InputSpec, find_checkpoint
from fer_core.errors import CheckpointError, ConfigError
from fer_core.export.exporting import write_file
from fer_core.export.foreign import ForeignNetwork
from fer_core.export.formats import EXPORTS
from fer_core.export.options import ExportOptions
from fer_core.exported import find_exports
from fer_core.labels import EMOTIONS
from fer_core.scratch import scratch_folder
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace, expand_home

if TYPE_CHECKING:
    from fer_core.models import FerModel

BenchmarkRuntime = Literal["torch", "onnx"]
Clock = Literal["wall", "cpu"]
Run = Callable[[int], object]
"""Classifies the first so many faces."""

_WARM_UP_ROUNDS: Final[int] = 2
_DEFAULT_SIZE: Final[tuple[int, int]] = (48, 48)
"""Of architectures that take any size: that of FER2013's pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSettings:
    """What is timed."""

    batch_sizes: tuple[int, ...] = (1, 8, 64)
    """Faces at once."""
    threads: tuple[int, ...] = (1,)
    """CPU threads."""
    runtimes: tuple[BenchmarkRuntime, ...] = ("torch", "onnx")
    """What computes."""
    precisions: tuple[str, ...] = ("fp32", "int8")
    """Formats of ONNX files; torch computes in fp32."""
    rounds: int = 15
    """How often all take turns, after two rounds that do not count."""
    clock: Clock = "wall"
    """`wall`, or `cpu` for the time that this process computed, summed over its threads: on a busy machine it
    leaves out what other programs took."""
    device: str = "cpu"
    """`cpu`, `cuda`, or `tensorrt` (ONNX only)."""
    data: str | None = None
    """Data set whose faces are classified, the built-in one if not given; int8 is calibrated on it, or on the
    model's own."""

    def __post_init__(self) -> None:
        for name, values, largest in (
            ("batch_sizes", self.batch_sizes, 4096),
            ("threads", self.threads, 256),
        ):
            if not values or not all(1 <= value <= largest for value in values):
                raise ConfigError(f"{name} is {values}; expected numbers of 1 to {largest}")
        if self.rounds < 3:
            raise ConfigError(f"rounds is {self.rounds}; expected at least 3")
        for name in self.precisions:
            if EXPORTS[name].suffix != ".onnx":
                raise ConfigError(f"format {name!r} is no ONNX file; only those can be timed")
        if not self.runtimes:
            raise ConfigError("no runtime was chosen; expected torch, onnx or both")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """One contestant at one batch size and thread count."""

    model: str
    runtime: str
    """`torch` or `onnxruntime`, and the device."""
    precision: str
    threads: int
    batch_size: int
    median_ms: float
    """Of a whole batch."""
    low_ms: float
    """First quartile."""
    high_ms: float
    """Third quartile."""
    faces_per_s: float
    speed_ratio: float
    """Speed relative to the first contestant in the same rounds; 1 is equal, 2 is twice as fast."""
    num_bytes: int
    """Size of the weights or the file."""


@dataclass(frozen=True, slots=True)
class _Contestant:
    model: str
    runtime: str
    precision: str
    num_bytes: int
    run: Run


def run_benchmark(
    references: list[str],
    workspace: Workspace,
    settings: BenchmarkSettings = BenchmarkSettings(),
    *,
    on_progress: Callable[[float, str], None] | None = None,
) -> list[BenchmarkRow]:
    """Time models against each other on the same faces.

    Args:
        references: checkpoints, runs, .onnx files (any with one image input, ours or not), or names of
            architectures, which are timed with random weights. The first is what the others are compared to.
        workspace: where runs and data sets are.
        settings: what is timed.
        on_progress: told the fraction done, 0 to 1, and what is done.

    Raises:
        ConfigError, CheckpointError, DataError, ExportError: something can't be found, loaded or exported.
    """
    import torch

    if not references:
        raise ConfigError(
            "no model was named; expected a checkpoint, a run, an .onnx file or an architecture"
        )
    tell = on_progress or (lambda _fraction, _text: None)
    rows: list[BenchmarkRow] = []
    before = torch.get_num_threads()
    try:
        with scratch_folder() as scratch:
            sources = _Sources(workspace, settings, scratch, lambda text: tell(0.0, text))
            prepared = [sources.prepare(reference) for reference in references]
            for index, threads in enumerate(settings.threads):
                torch.set_num_threads(threads)
                contestants = [item for open_for in prepared for item in open_for(threads)]
                for step, batch_size in enumerate(settings.batch_sizes):
                    done = index * len(settings.batch_sizes) + step
                    fraction = done / (len(settings.threads) * len(settings.batch_sizes))
                    tell(fraction, f"batches of {batch_size}, {threads} thread{'s' * (threads > 1)}")
                    rows += _race(contestants, threads, batch_size, settings)
    finally:
        torch.set_num_threads(before)
    tell(1.0, "done")
    return rows


def _race(
    contestants: list[_Contestant], threads: int, batch_size: int, settings: BenchmarkSettings
) -> list[BenchmarkRow]:
    clock = time.perf_counter if settings.clock == "wall" else time.process_time
    times = np.empty((settings.rounds + _WARM_UP_ROUNDS, len(contestants)))
    for number in range(len(times)):
        for index, contestant in enumerate(contestants):
            started = clock()
            contestant.run(batch_size)
            times[number, index] = clock() - started
    times_ms = times[_WARM_UP_ROUNDS:] * 1000
    rows = []
    for contestant, column in zip(contestants, times_ms.T, strict=True):
        low_ms, _, high_ms = statistics.quantiles(column.tolist(), n=4, method="inclusive")
        median_ms = float(np.median(column))
        rows.append(
            BenchmarkRow(
                model=contestant.model,
                runtime=contestant.runtime,
                precision=contestant.precision,
                threads=threads,
                batch_size=batch_size,
                median_ms=median_ms,
                low_ms=low_ms,
                high_ms=high_ms,
                faces_per_s=batch_size * 1000 / median_ms,
                speed_ratio=float(np.median(times_ms[:, 0] / column)),
                num_bytes=contestant.num_bytes,
            )
        )
    return rows


class _Sources:
    """Finds, loads and where needed exports what was named."""

    def __init__(
        self, workspace: Workspace, settings: BenchmarkSettings, scratch: Path, tell: Callable[[str], None]
    ) -> None:
        from fer_core.data.builtin import open_dataset
        from fer_core.data.store import SCHEMATIC_FACES

        self._workspace = workspace
        self._settings = settings
        self._scratch = scratch
        self._tell = tell
        self._dataset = open_dataset(settings.data or SCHEMATIC_FACES, workspace)

    def prepare(self, reference: str) -> Callable[[int], list[_Contestant]]:
        """Do what has to be done once; the result opens the contestants for a number of threads."""
        if reference.lower().endswith(".onnx"):
            path = expand_home(reference)
            return lambda threads: [self._open_onnx(path, path.stem, threads)]
        model, info, folder = self._load(reference)
        files = self._list_files(reference, model, info, folder) if "onnx" in self._settings.runtimes else {}
        torch_too = "torch" in self._settings.runtimes and self._settings.device != "tensorrt"
        network = [self._open_torch(reference, model, info)] if torch_too else []
        return lambda threads: [
            *network,
            *(self._open_onnx(path, reference, threads, name) for name, path in files.items()),
        ]

    def _load(self, reference: str) -> "tuple[FerModel, CheckpointInfo, Path | None]":
        from fer_core.models import ARCHITECTURES, load_checkpoint
        from fer_core.models.architecture import TIMM_PREFIX

        try:
            folder = find_checkpoint(reference, self._workspace).folder
        except CheckpointError:
            if reference not in ARCHITECTURES and not reference.startswith(TIMM_PREFIX):
                raise
            return *_build_untrained(reference), None
        return *load_checkpoint(folder), folder

    def _list_files(
        self, reference: str, model: "FerModel", info: CheckpointInfo, folder: Path | None
    ) -> dict[str, Path]:
        """The ONNX file of each format: the exported one, or one made for this benchmark."""
        made = find_exports(folder, self._workspace, weights_sha256=info.weights_sha256) if folder else []
        plain = {item.precision: item.path for item in made if not (item.embedding or item.uint8_input)}
        for name in self._settings.precisions:
            if name not in plain:
                self._tell(f"exporting {reference} as {name} for this benchmark")
                plain[name] = self._export(model, info, name)
        return {name: plain[name] for name in self._settings.precisions}

    def _export(self, model: "FerModel", info: CheckpointInfo, format_name: str) -> Path:
        from fer_core.export.faces import choose_dataset

        options = ExportOptions(format=format_name)
        place = Path(tempfile.mkdtemp(dir=self._scratch))
        dataset = choose_dataset(info, self._workspace, self._settings.data)
        return write_file(model, info, dataset, options, place / options.file_name, lambda _text: None).paths[
            0
        ]

    def _open_torch(self, reference: str, model: "FerModel", info: CheckpointInfo) -> _Contestant:
        import torch

        from fer_core.models import resolve_device

        device = resolve_device(self._settings.device)
        network = model.eval().to(device).to(memory_format=torch.channels_last)
        crops = self._load_pixels(info.input)
        batch = torch.from_numpy(crops).permute(0, 3, 1, 2).to(device).float() / 255
        batch = batch.contiguous(memory_format=torch.channels_last)

        def run(batch_size: int) -> None:
            with torch.inference_mode():
                network(batch[:batch_size]).cpu()

        num_bytes = sum(item.numel() * item.element_size() for item in model.state_dict().values())
        return _Contestant(reference, f"torch {device}", "fp32", num_bytes, run)

    def _open_onnx(self, path: Path, name: str, threads: int, precision: str = "") -> _Contestant:
        network = ForeignNetwork(
            path,
            device=self._settings.device,
            num_threads=threads,
            engine_cache=self._workspace.engines,
        )
        feed = network.build_feed(self._load_pixels(network.spec))
        return _Contestant(
            name,
            f"onnxruntime {network.device}",
            precision or network.precision,
            network.num_bytes,
            lambda batch_size: network.run(feed[:batch_size]),
        )

    def _load_pixels(self, spec: InputSpec) -> UInt8Array:
        """The same faces for all, N x H x W x C, each at the size that the network takes."""
        from fer_core.export.faces import load_crops

        count = max(self._settings.batch_sizes)
        indices = np.arange(count, dtype=np.int64) % len(self._dataset.images)
        crops = load_crops(self._dataset, indices, spec)
        return crops[..., None] if crops.ndim == 3 else crops


def _build_untrained(name: str) -> "tuple[FerModel, CheckpointInfo]":
    """An architecture with random weights, as it was designed, and a description to export it with."""
    from fer_core.models import build_model, count_parameters, find_architecture
    from fer_core.models.architecture import TIMM_PREFIX

    height, width = find_architecture(name).input_size or _DEFAULT_SIZE
    channels = 3 if name.startswith(TIMM_PREFIX) else 1
    model = build_model(name, num_classes=len(EMOTIONS), in_channels=channels, input_size=(height, width))
    info = CheckpointInfo(
        name=name,
        architecture=name,
        arguments={},
        classes=EMOTIONS,
        input=InputSpec(
            height=height,
            width=width,
            color="gray" if channels == 1 else "rgb",
            mean=(0.5,) * channels,
            std=(0.25,) * channels,
        ),
        weights_sha256="0" * 64,
        num_parameters=count_parameters(model),
    )
    return model.eval(), info
