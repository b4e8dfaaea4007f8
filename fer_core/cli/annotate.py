"""`fer annotate`: draw apparent expressions into a video."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import to_builtins
from tyro.conf import Positional, arg

from fer_core.analyses import TABLE_FILE, validate_title
from fer_core.cli.listen import check_one_speaker, load_voice
from fer_core.cli.terminal import describe_detectors, say, show_progress
from fer_core.errors import ConfigError
from fer_core.inference.overlay import SURE_FROM
from fer_core.inference.predictor import Runtime
from fer_core.inference.video_writer import DEFAULT_ENCODER, EncoderSettings, Preset
from fer_core.progress import get_audience, keep_result
from fer_core.results import RESULTS, list_extensions
from fer_core.scratch import scratch_folder
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.inference.stream import FaceStream, FrameResult
    from fer_core.inference.video_summary import Progress, VideoSummary
    from fer_core.sound.vocal import VocalTrack

    Recorder = Callable[[int, FrameResult], None]

INTERRUPTED = 130


def describe_output() -> str:
    """Help of `OUTPUT`, with the formats of installed packages."""
    return (
        "The MP4 file to write; or, without drawing and several times as fast, the table alone, which ends "
        f"in {list_extensions()}."
    )


def describe_tables() -> str:
    """Help of `--table`, with the formats of installed packages."""
    return (
        "Also write one row per face and frame, and one for a frame without a face (num_faces 0), to this "
        f"file, which ends in {list_extensions()}."
    )


def main(  # noqa: PLR0913 - the command's options
    source: Annotated[Positional[Path], arg(metavar="INPUT")],
    target: Annotated[Positional[Path], arg(metavar="OUTPUT", help=describe_output)],
    *,
    model: str | None = None,
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    table: Annotated[Path | None, arg(help=describe_tables)] = None,
    overwrite: bool = False,
    top_k: int = 3,
    sure_from: float = SURE_FROM,
    detect_every: int = 5,
    smoothing: float = 0.4,
    crf: int = DEFAULT_ENCODER.crf,
    preset: Preset = DEFAULT_ENCODER.preset,
    threads: int = 0,
    runtime: Runtime = "auto",
    device: str = "auto",
    prior: str = "general",
    voice: str | None = None,
    one_speaker: bool = False,
    max_minutes: float = math.inf,
    max_side: int = 8192,
    keep: Annotated[str | None, arg(metavar="NAME")] = None,
    keep_media: bool = False,
) -> int:
    """Draw boxes, labels and probabilities of the faces into a video, with its sound.

    The result plays in a browser. Ctrl-C stops early and keeps what is done; twice, nothing.

    Args:
        source: A video file.
        target: The MP4 file to write, or a table.
        model: A shipped checkpoint's name, a run's name, a folder, or an exported .onnx file; the shipped
            default, if not given.
        detector: Face detector; the best that is installed, if not given.
        table: Also write one row per face and frame, and one for a frame without a face, to this file.
        overwrite: Replace files that exist.
        top_k: Probability bars per face.
        sure_from: Call uncertain, and grey out, faces whose label is expected to be right less often, 0 to 1.
        detect_every: Look for faces in every so-many-th frame.
        smoothing: Time constant of the smoothing of probabilities in seconds; 0 is off.
        crf: Quality, 0 (lossless) to 51.
        preset: Slower presets make smaller files.
        threads: CPU threads for detection and classification; 0 is automatic.
        runtime: torch or onnx; auto takes the exported and checked ONNX file on a CPU, which is faster.
        device: Where to compute: auto, cpu, cuda, or tensorrt (ONNX only).
        prior: How often each class is expected: general (faces from anywhere: shares and sharpness chosen
            across data sets), training (as in the training data), uniform, halfway (between the two), or a
            share for every class, such as neutral=5,happiness=2 and so on.
        voice: Also listen, with this voice model (a run's name, a folder, or an exported .onnx file): the
            table says when somebody speaks, what the voice appears to express, and, where the face that
            speaks is known, what both express together. `fer listen` reads sound alone.
        one_speaker: Only one person speaks in it: take off what this voice always sounds like, if there is
            enough speech.
        max_minutes: Refuse a longer video.
        max_side: Refuse a video with more pixels on a side.
        keep: Also keep the analysis in the workspace under this name: settings, summary and table. `fer
            analyses` lists what is kept.
        keep_media: Keep a copy of OUTPUT with it; without this no picture of anybody is kept.
    """
    video, table = _split_output(target, table)
    if keep_media and video is None:
        raise ConfigError("--keep-media keeps the drawn video, and OUTPUT is a table; name an .mp4 file")
    for path in (video, table):
        if path is not None and path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; choose another name, or add --overwrite")
    if keep is not None:
        validate_title(keep)
    check_one_speaker(voice, one_speaker=one_speaker)
    from fer_core.inference.overlay import OverlayStyle

    style = OverlayStyle(top_k=top_k, sure_from=sure_from)
    encoder = EncoderSettings(crf=crf, preset=preset)
    from fer_core.cli.streams import build_stream, stop_on_interrupt
    from fer_core.inference.keeping import describe_video, keep_video
    from fer_core.inference.video import VideoLimits, annotate_video, probe_video

    limits = VideoLimits(max_side_px=max_side, max_duration_s=60 * max_minutes)
    probe_video(source, limits)  # a wrong file is told before a model is loaded
    voice_model = load_voice(voice)
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
    vocal, num_parts = None, 1 if voice_model is None else 2
    if voice_model is not None:
        from fer_core.inference.voices import hear

        with show_progress("Listening…", of=num_parts) as show:
            vocal = hear(source, voice_model, on_progress=lambda done_s, all_s: show(done_s, all_s or 0))
            if one_speaker:
                from fer_core.voice.one_speaker import take_baseline_off

                vocal = take_baseline_off(vocal)
    with scratch_folder() as folder:
        with (
            _record_table(folder / TABLE_FILE if keep else None, stream, vocal) as on_frame,
            stop_on_interrupt() as is_stopped,
            show_progress("Reading the first frames…", part=num_parts - 1, of=num_parts) as show,
        ):
            summary = annotate_video(
                source,
                video,
                stream,
                style=style,
                table=table,
                limits=limits,
                encoder=encoder,
                vocal=vocal,
                on_frame=on_frame,
                on_progress=lambda step: show(step.num_done, step.num_total or 0, _describe(step)),
                cancelled=is_stopped,
            )
        found = asdict(summary)
        if keep is not None or get_audience() is not None:
            record = describe_video(source, stream, summary, {"prior": prior})
            found["record"] = to_builtins(record)
        if keep is not None:
            media = video if keep_media else None
            key = keep_video(Workspace.default(), keep, record, folder / TABLE_FILE, media)
            say(f"kept: fer analyses show {key}")
    keep_result(found)
    _print_summary(summary, video, table)
    return INTERRUPTED if summary.was_cancelled else 0


def _split_output(target: Path, table: Path | None) -> tuple[Path | None, Path | None]:
    """What OUTPUT and `--table` ask for: the video, and the table."""
    if table is None and target.suffix.lower().removeprefix(".") in RESULTS:
        return None, target
    return target, table


@contextmanager
def _record_table(
    path: Path | None, stream: "FaceStream", vocal: "VocalTrack | None"
) -> Iterator["Recorder | None"]:
    """A table of its own for what is kept, whatever format the user's has."""
    from fer_core.inference.face_table import create_table

    if path is None:
        yield None
        return
    with create_table(path, stream.predictor.info.classes, vocal.classes if vocal else None) as rows:
        yield lambda number, result: rows.add(number, result.time_s, result.faces, result.voice)


def _describe(progress: "Progress") -> str:
    """How far it is, how fast, and how long it will take."""
    total = f" of {progress.num_total:,}" if progress.num_total else ""
    left = "" if progress.remaining_s is None else f" · {_format_seconds(progress.remaining_s)} left"
    return f"{progress.num_done:,}{total} frames · {progress.fps:.0f} fps{left}"


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _print_summary(summary: "VideoSummary", video: Path | None, table: Path | None) -> None:
    say(
        f"{count(summary.num_frames, 'frame')} ({summary.duration_s:.1f} s), "
        f"{count(summary.num_faces, 'face')}, "
        f"{count(summary.num_empty_frames, 'frame')} without a face, "
        f"{count(summary.num_label_changes, 'label change')}; {summary.seconds:.1f} s, "
        f"{summary.num_frames / max(summary.seconds, 1e-9):.0f} frames a second"
    )
    if summary.mean_shares:
        ranked = sorted(summary.mean_shares.items(), key=lambda item: -item[1])
        say(
            "apparent expressions, mean shares: " + ", ".join(f"{name} {share:.0%}" for name, share in ranked)
        )
    if summary.voice is not None:
        shares = sorted(summary.voice.mean_shares.items(), key=lambda item: -item[1])
        named = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        fused = f"{summary.voice.num_fused_frames:,d} frames with a face that is known to speak"
        say(
            f"{summary.voice.speech_s:.1f} s of speech; apparent vocal expressions: {named or 'none'}; "
            f"{fused}"
        )
    for note in summary.notes:
        say(note)
    if video is not None:
        say(f"video: {video}")
    if table is not None:
        say(f"table: {table} ({summary.num_rows + summary.num_empty_frames} rows)")
