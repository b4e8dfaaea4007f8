"""The dashboard in a process that tells a benchmark, every few seconds, what it holds in memory."""

import gc
import os
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from fer_core.io import write_json
from fer_core.workspace import PROJECT_ROOT

_NAME = "load-watch"
_EVERY_S = 5.0


def _count_objects() -> tuple[dict[str, int], list[int]]:
    """Predictors by class, and parameters of each network that is in memory; neither imports anything."""
    predictors: Counter[str] = Counter()
    networks = []
    base = getattr(sys.modules.get("fer_core.models.base"), "FerModel", None)
    for item in gc.get_objects():
        kind = type(item)
        module = kind.__dict__.get("__module__")  # of a class that says so itself
        if not isinstance(module, str) or not module.startswith("fer_core."):
            continue
        if module.startswith("fer_core.inference") and kind.__name__.endswith("Predictor"):
            predictors[kind.__name__] += 1
        elif base is not None and issubclass(kind, base):
            networks.append(sum(parameter.numel() for parameter in item.parameters()))
    return dict(predictors), networks


def _watch(path: Path) -> None:
    process = psutil.Process()
    while True:
        predictors, networks = _count_objects()
        write_json(
            path,
            {
                "time": time.time(),
                "rss": process.memory_info().rss,
                "threads": process.num_threads(),
                "files": process.num_fds(),
                "predictors": predictors,
                "networks": networks,
            },
        )
        time.sleep(_EVERY_S)


if not any(thread.name == _NAME for thread in threading.enumerate()):
    target = Path(os.environ["FER_WORKSPACE"]) / "watch.json"
    threading.Thread(target=_watch, args=(target,), name=_NAME, daemon=True).start()
runpy.run_path(str(PROJECT_ROOT / "app" / "Home.py"), run_name="__main__")
