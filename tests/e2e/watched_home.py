"""The dashboard in a process that tells a benchmark, every few seconds, what it holds in memory."""

import faulthandler
import os
import runpy
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import psutil

from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.inference.torch_predictor import TorchPredictor
from fer_core.io import write_json
from fer_core.models import FerModel, count_parameters
from fer_core.workspace import PROJECT_ROOT

_NAME = "load-watch"
_EVERY_S = 5.0


def _note_instances(base: type, seen: WeakSet[Any]) -> None:
    """Let every object of a class be noted when it is made.

    Asking the garbage collector instead is not safe beside other threads: it hands out tuples that C code is
    still filling, which then fails with a SystemError.
    """
    make: Callable[..., None] = base.__init__  # type: ignore[misc]

    def make_and_note(self: Any, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        seen.add(self)

    base.__init__ = make_and_note  # type: ignore[misc]


def _watch(path: Path, predictors: WeakSet[Any], networks: WeakSet[Any]) -> None:
    process = psutil.Process()
    while True:
        write_json(
            path,
            {
                "time": time.time(),
                "rss": process.memory_info().rss,
                "threads": process.num_threads(),
                "files": process.num_fds(),
                "predictors": Counter(type(item).__name__ for item in list(predictors)),
                "networks": [count_parameters(item) for item in list(networks)],
            },
        )
        time.sleep(_EVERY_S)


def _begin() -> None:
    faulthandler.register(signal.SIGUSR1)  # `kill -USR1` then prints where every thread is
    predictors, networks = WeakSet[Any](), WeakSet[Any]()
    _note_instances(OnnxPredictor, predictors)
    _note_instances(TorchPredictor, predictors)
    _note_instances(FerModel, networks)
    target = Path(os.environ["FER_WORKSPACE"]) / "watch.json"
    threading.Thread(target=_watch, args=(target, predictors, networks), name=_NAME, daemon=True).start()


if not any(thread.name == _NAME for thread in threading.enumerate()):
    _begin()
runpy.run_path(str(PROJECT_ROOT / "app" / "Home.py"), run_name="__main__")
