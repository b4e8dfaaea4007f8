"""What `fer annotate` and `fer camera` share."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from fer_core.cli.terminal import pick_detector, say
from fer_core.inference.predictor import Runtime
from fer_core.inference.stream import FaceStream
from fer_core.inference.threads import limit_threads
from fer_core.inference.tracker import TemporalConfig
from fer_core.workspace import Workspace


def build_stream(
    model: str | None,
    detector: str | None,
    *,
    detect_every: int,
    smoothing: float,
    threads: int,
    runtime: Runtime,
    device: str,
    prior: str,
) -> FaceStream:
    """Load what the user chose, or the defaults, and say on stderr which these are.

    Raises:
        FerError: there is no such model or detector, or a setting is out of range.
    """
    temporal = replace(TemporalConfig(), detect_every=detect_every, smoothing_s=smoothing)
    from fer_core.checkpoint import default_checkpoint
    from fer_core.inference import pipeline
    from fer_core.inference.class_prior import with_prior
    from fer_core.inference.predictor import load_predictor

    workspace = Workspace.default()
    limit_threads(threads)
    if model is None:
        model = default_checkpoint(workspace).key
    predictor = with_prior(load_predictor(model, workspace, device=device, runtime=runtime), prior)
    name = pick_detector(detector, workspace)
    say(f"model {predictor.info.name} ({predictor.runtime}), detector {name}", file=sys.stderr)
    return pipeline.build_stream(name, predictor, workspace, temporal)


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a question that becomes true with the first Ctrl-C (or SIGTERM); the second one breaks off."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("\nstopping; once more to break off", file=sys.stderr)

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
