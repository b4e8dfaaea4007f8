"""How long a model takes for one face, as `fer benchmark` measured it last: kept by weights. No torch."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fer_core.errors import RunError
from fer_core.io import place_in, read_record, write_json
from fer_core.runs.cache import read_cached
from fer_core.workspace import Workspace

FOLDER: Final[str] = "benchmarks"
_VERSION: Final[int] = 1
_CPU_INFO: Final[Path] = Path("/proc/cpuinfo")
_BUSY: Final[float] = 0.5
"""Other work for a core, from which on times are those of a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Time for one face at a time, without detection, and what it was measured with."""

    ms: float
    """Median."""
    runtime: str
    """What computed, on which device, in which precision."""
    threads: int
    machine: str
    date: str
    """ISO 8601, UTC."""
    is_busy: bool
    """Whether the machine had other work."""

    def describe(self) -> str:
        """What it was measured with, in one line."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        busy = ", while the machine was busy" if self.is_busy else ""
        return f"{self.runtime}, {threads}, {self.machine}, {self.date[:10]}{busy}"


def save_latency(latency: Latency, weights_sha256: str, workspace: Workspace) -> None:
    """Keep what was measured, in place of what was.

    Raises:
        StorageError: it can't be written.
    """
    write_json(_locate(weights_sha256, workspace), {"schema_version": _VERSION, **asdict(latency)})


def find_latency(weights_sha256: str, workspace: Workspace) -> Latency | None:
    """What was measured of these weights; None if nothing was, or the file is damaged: timing replaces it."""
    try:
        return read_cached(_locate(weights_sha256, workspace), _read_latency)
    except RunError:
        return None


def _locate(weights_sha256: str, workspace: Workspace) -> Path:
    return place_in(workspace.root / FOLDER, f"{weights_sha256}.json")


def _read_latency(path: Path) -> Latency:
    return read_record(path, Latency, RunError, advice="time the model again", schema_version=_VERSION)


def describe_now() -> str:
    """The time, as `Latency.date` holds it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_processor() -> str:
    """The processor's name and how many cores it has, as `Latency.machine` holds them."""
    name = platform.processor() or platform.machine()
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    count = os.cpu_count() or 1
    return f"{next(names, name)}, {count} core{'s' * (count > 1)}"


def is_machine_busy() -> bool:
    """Whether other programs have had so much to do for a minute that times would suffer."""
    import psutil

    return bool(psutil.getloadavg()[0] > _BUSY * (os.cpu_count() or 1))
