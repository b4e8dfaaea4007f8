"""`fer camera`: a live read-out of a camera in the terminal."""

import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import describe_detectors, say
from fer_core.errors import ConfigError
from fer_core.escaping import escape_unseen
from fer_core.inference.overlay import SURE_FROM
from fer_core.inference.predictor import Runtime

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fer_core.inference.camera import CameraSummary
    from fer_core.inference.overlay import OverlayStyle
    from fer_core.inference.stream import FrameResult
    from fer_core.types import FaceResult

_BAR_WIDTH = 24
_REFRESH_EVERY_S = 0.1


def main(  # noqa: PLR0913 - the command's options
    source: Annotated[Positional[str], arg(metavar="SOURCE")] = "0",
    *,
    save: Path | None = None,
    overwrite: bool = False,
    seconds: float | None = None,
    max_frames: int | None = None,
    model: str | None = None,
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    top_k: int = 3,
    sure_from: float = SURE_FROM,
    detect_every: int = 3,
    smoothing: float = 0.4,
    threads: int = 0,
    runtime: Runtime = "auto",
    device: str = "auto",
    prior: str = "general",
) -> int:
    """Read a camera and show the faces' apparent expressions in the terminal, live.

    There is no window; to see the picture, use the page Live webcam: streamlit run app/Home.py. Ctrl-C stops.

    Args:
        source: Index of a camera on this machine (0, 1 ...), a URL (rtsp://, http://), or a video file.
        save: Also write the drawn frames to this MP4 file. Ask the people on it first.
        overwrite: Replace a file that exists.
        seconds: Stop after so long.
        max_frames: Stop after so many frames.
        model: A shipped checkpoint's name, a run's name, a folder, or an exported .onnx file; the shipped
            default, if not given.
        detector: Face detector; the best that is installed, if not given.
        top_k: Probability bars per face.
        sure_from: Call uncertain, and grey out, faces whose label is expected to be right less often, 0 to 1.
        detect_every: Look for faces in every so-many-th frame.
        smoothing: Time constant of the smoothing of probabilities in seconds; 0 is off.
        threads: CPU threads for detection and classification; 0 is automatic.
        runtime: torch or onnx; auto takes the exported and checked ONNX file on a CPU, which is faster.
        device: Where to compute: auto, cpu, cuda, or tensorrt (ONNX only).
        prior: How often each class is expected: general (faces from anywhere: shares and sharpness chosen
            across data sets), training (as in the training data), uniform, halfway (between the two), or a
            share for every class, such as neutral=5,happiness=2 and so on.
    """
    if save is not None and save.exists() and not overwrite:
        raise ConfigError(f"{save} exists already; choose another name, or add --overwrite")
    from fer_core.inference.overlay import OverlayStyle

    style = OverlayStyle(top_k=top_k, sure_from=sure_from)
    from fer_core.cli.streams import build_stream, stop_on_interrupt
    from fer_core.inference.camera import open_source, watch

    with stop_on_interrupt() as is_stopped, open_source(source) as frames:
        stream = build_stream(
            model,
            detector,
            detect_every=detect_every,
            smoothing=smoothing,
            threads=threads,
            runtime=runtime,
            device=device,
            prior=prior,
        )
        with _ReadOut(style) as read_out:
            summary = watch(
                frames,
                stream,
                save=save,
                style=style,
                max_seconds=seconds,
                max_frames=max_frames,
                on_frame=read_out.show,
                cancelled=is_stopped,
            )
    _print_summary(summary)
    return 0


class _ReadOut:
    """The faces of the newest frame as bars in the terminal, a few times per second."""

    def __init__(self, style: "OverlayStyle") -> None:
        from rich.live import Live

        self._style = style
        self._live = Live(auto_refresh=False, transient=True)
        self._shown_s = 0.0
        self._times: deque[float] = deque(maxlen=30)

    def __enter__(self) -> "_ReadOut":
        self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, result: "FrameResult") -> None:
        now = time.monotonic()
        self._times.append(now)
        if now - self._shown_s >= _REFRESH_EVERY_S:
            self._shown_s = now
            self._live.update(self._render(result), refresh=True)

    def _render(self, result: "FrameResult") -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        span = self._times[-1] - self._times[0]
        rate = f"{(len(self._times) - 1) / span:.0f} frames a second" if span > 0 else "starting"
        faces = f"{len(result.faces)} face(s)" if result.faces else "no face"
        head = Text(
            f"{result.time_s:.1f} s   {rate}   {result.times.total_ms:.0f} ms   {faces}", style="bold"
        )
        return Group(head, *(_render_face(face, self._style) for face in result.faces))


def _render_face(face: "FaceResult", style: "OverlayStyle") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    from fer_core.inference.overlay import describe_state, is_uncertain, shown_label
    from fer_core.palette import UNKNOWN_COLOR, emotion_color

    is_grey = is_uncertain(face, style.sure_from)
    table = Table.grid(padding=(0, 1))
    # Columns as wide as they can get, so that nothing jumps from frame to frame.
    table.add_column(min_width=2 + max(map(len, face.prediction.classes)))
    table.add_column(width=_BAR_WIDTH)
    table.add_column(justify="right", width=4)
    title = f"#{face.track_id} {shown_label(face, style.sure_from)} {describe_state(face)}"
    table.add_row(Text(escape_unseen(title.rstrip()), style="bold"))
    for name, probability in face.prediction.ranked()[: style.top_k]:
        color = UNKNOWN_COLOR if is_grey else emotion_color(name)
        bar = Text("█" * round(_BAR_WIDTH * probability), style=color)
        table.add_row(Text(escape_unseen(f"  {name}")), bar, Text(f"{probability:.0%}"))
    return table


def _print_summary(summary: "CameraSummary") -> None:
    rate = summary.num_frames / summary.duration_s if summary.duration_s > 0 else float("nan")
    say(f"{summary.num_frames} frames of {summary.duration_s:.1f} s ({rate:.0f} a second)")
    if summary.was_lost:
        say("the camera stopped sending: unplugged, or the connection was cut", file=sys.stderr)
    if summary.saved is not None:
        say(f"video: {summary.saved}")
