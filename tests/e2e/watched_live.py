"""The live page in a process that tells a test, every second, what of its streams is still there."""

import json
import os
import threading
import time
import weakref
from pathlib import Path

import psutil

from fer_core.inference.live_engine import LiveEngine
from fer_core.io import write_json
from pages import live_webcam

STREAM_THREADS = ("async_media_processor", "ShutdownPolling", "fer-recording", "process_offer")
_NAME = "test-watch"


def _start_watch(path: Path) -> None:
    engines: weakref.WeakSet[LiveEngine] = weakref.WeakSet()
    original = LiveEngine.__init__

    def register(self, *arguments) -> None:
        original(self, *arguments)
        engines.add(self)

    LiveEngine.__init__ = register  # type: ignore[method-assign]

    def watch() -> None:
        while True:
            names = [thread.name for thread in threading.enumerate()]
            threads = [name for name in names if name.startswith(STREAM_THREADS) or "decoder" in name]
            write_json(
                path, {"threads": threads, "engines": len(engines), "rss": psutil.Process().memory_info().rss}
            )
            time.sleep(1)

    threading.Thread(target=watch, name=_NAME, daemon=True).start()


def read_watch(path: Path) -> dict:
    """What the server last told."""
    return json.loads(path.read_text())


if __name__ == "__main__":
    if not any(thread.name == _NAME for thread in threading.enumerate()):
        _start_watch(Path(os.environ["FER_WORKSPACE"]) / "watch.json")
    live_webcam.main()
