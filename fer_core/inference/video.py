"""Annotating a video file: read, follow and classify faces, draw, write, and keep a table of it all."""

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fer_core.errors import ConfigError
from fer_core.inference.face_table import TableWriter, Totals, create_table
from fer_core.inference.overlay import OverlayPainter, OverlayStyle
from fer_core.inference.stream import FaceStream, FrameResult
from fer_core.inference.tracker import TemporalConfig
from fer_core.inference.video_reader import open_video, probe_video, read_frame
from fer_core.inference.video_summary import (
    Progress,
    ProgressReporter,
    VideoSummary,
    describe_reading,
    summarise_voice,
)
from fer_core.inference.video_types import FrameReader, VideoFrame, VideoInfo, VideoLimits
from fer_core.inference.video_writer import EncoderSettings, VideoWriter, create_video
from fer_core.inference.voices import VoiceJoiner
from fer_core.results import find_format, list_extensions
from fer_core.sound.vocal import VocalTrack

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = [
    "FILE_TEMPORAL",
    "EncoderSettings",
    "VideoLimits",
    "annotate_video",
    "batch_frames",
    "open_video",
    "probe_video",
    "read_frame",
]

FILE_TEMPORAL: Final = TemporalConfig(detect_every=5)
"""For recordings: boxes between two detections are known from both sides, so fewer detections do. On a video
of a talking person every 5th frame is as exact this way as every 3rd is live: the boxes' mean IoU with those
of every frame is 0.975 and 0.974."""

SEGMENT_S: Final[float] = 20.0
"""At multiples of this a recording is searched and classified anew, whatever was found before, so that it can
be read from there on: only boxes and probabilities carry over, and these forget within seconds."""
WHOLE: Final[tuple[float, float]] = (0.0, math.inf)
_MAX_BATCH: Final[int] = 12
"""Most frames that are analysed together."""
_MAX_BATCH_PX: Final[int] = 25_000_000
"""Most pixels of these; half of it where they are searched more than once. It bounds memory."""


def batch_frames(
    frames: Iterator[VideoFrame], info: VideoInfo, stream: FaceStream
) -> Iterator[tuple[VideoFrame, ...]]:
    """The first frame of each segment, then batches that end with a frame which is searched for faces.

    The stream, which is given each batch before the next is taken, is refreshed where a segment begins.
    """
    every = stream.temporal.detect_every
    most = _MAX_BATCH_PX // (info.width_px * info.height_px)
    size = max(min(_MAX_BATCH, most // 2) // every * every, min(_MAX_BATCH, most, every), 1)
    for _, segment in itertools.groupby(frames, lambda frame: frame.time_s // SEGMENT_S):
        stream.refresh()
        yield from ((frame,) for frame in itertools.islice(segment, 1))
        while batch := tuple(itertools.islice(segment, size)):
            yield batch


def annotate_video(  # noqa: PLR0913 - each is a choice of its own
    source: Path,
    target: Path | None,
    stream: FaceStream,
    *,
    style: OverlayStyle | None = None,
    table: Path | None = None,
    limits: VideoLimits | None = None,
    encoder: EncoderSettings | None = None,
    vocal: VocalTrack | None = None,
    span_s: tuple[float, float] = WHOLE,
    on_progress: Callable[[Progress], None] | None = None,
    on_frame: Callable[[int, FrameResult], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VideoSummary:
    """Draw the apparent expressions into a video, and write a table with one row per face and frame.

    A frame without a face has a row, too, whose `num_faces` is 0. Without `target` only the table is made:
    nothing is drawn, converted or encoded.

    Works frame by frame: memory does not grow with the video's length. Times and sound are the source's,
    frames are upright with square pixels; the result is MP4 (H.264, yuv420p, even sides, index in front).
    `target` and `table` appear when they are whole: after an error nothing is left of them, and older files
    are as they were.
    Cancelling ends the work early but well: what was done up to there is kept.

    Args:
        source: any video that FFmpeg decodes.
        target: the MP4 file to write; None for the table alone.
        stream: finds and classifies the faces; it is reset first. `FILE_TEMPORAL` suits recordings.
        style: what is drawn.
        table: to write, in the results format of its extension; see `face_table.FIXED_COLUMNS`.
        limits: what is refused.
        encoder: compression.
        vocal: what is heard in it (`voices.hear`), which then stands in the picture, in the table and in the
            results.
        span_s: from when, a multiple of `SEGMENT_S`, to before when frames are analyzed, for a table alone.
        on_progress: called with the progress several times per second and at the end.
        on_frame: given every frame's number, from 0, and result.
        cancelled: asked before every frame whether to stop.

    Raises:
        MediaError: the source can't be read or exceeds a limit; the target can't be written.
        ConfigError: the target or table has the wrong ending, or is the source.
    """
    _check_paths(source, target, table)
    started = time.monotonic()
    stream.reset()
    totals = Totals(stream.predictor.info.classes)
    with open_video(source, limits) as reader, ExitStack() as outputs:
        heard = None if vocal is None else vocal.classes
        rows = outputs.enter_context(create_table(table, totals.classes, heard)) if table else None
        joiner = None if vocal is None else VoiceJoiner(vocal)
        again = None
        if target and joiner:  # who speaks is known seconds later: frames are decoded again, not held
            again = outputs.enter_context(open_video(source, limits))
        writer = outputs.enter_context(create_like(again or reader, target, encoder)) if target else None
        painter = OverlayPainter(style)
        job = _Job(reader, writer, rows, stream, painter, totals, span_s, joiner, on_frame, again)
        expected = _count_expected(reader.info, span_s)
        job.run(ProgressReporter(on_progress, expected), cancelled or (lambda: False))
        if rows is not None:
            rows.close()  # before the video takes its place: it must not do so if this fails
        file_notes = (*reader.notes, *(writer.notes if writer else ()))
        info, num_damaged = reader.info, reader.num_damaged
    return VideoSummary(
        source=info,
        num_frames=job.num_done,
        duration_s=job.time_s,
        num_faces=totals.num_faces,
        num_rows=totals.num_rows,
        num_empty_frames=totals.num_empty_frames,
        mean_shares=totals.mean_shares(),
        num_label_changes=totals.num_label_changes,
        seconds=time.monotonic() - started,
        was_cancelled=job.was_cancelled,
        notes=(
            *file_notes,
            *describe_reading(
                job.num_done, expected, num_damaged, totals.num_rows, was_cancelled=job.was_cancelled
            ),
            *(vocal.notes if vocal else ()),
        ),
        voice=None if vocal is None or joiner is None else summarise_voice(vocal, joiner.num_fused),
        num_damaged=num_damaged,
        file_notes=file_notes,
    )


def _count_expected(info: VideoInfo, span_s: tuple[float, float]) -> int | None:
    if span_s == WHOLE or not info.duration_s:
        return info.num_frames
    return round(info.fps * max(0.0, min(span_s[1], info.duration_s) - span_s[0]))


@dataclass(slots=True)
class _Job:
    """The loop over the frames, in three threads.

    This one decodes and follows faces, one classifies those of the batch before, one draws and writes the
    batch before that.
    """

    reader: FrameReader
    writer: VideoWriter | None
    rows: TableWriter | None
    stream: FaceStream
    painter: OverlayPainter
    totals: Totals
    span_s: tuple[float, float]
    joiner: VoiceJoiner | None
    on_frame: Callable[[int, FrameResult], None] | None
    again: FrameReader | None = None
    """The same video once more, to be drawn into when all is known of a frame; None where nothing waits."""
    num_followed: int = 0
    num_done: int = 0
    num_counted: int = 0
    time_s: float = 0.0
    was_cancelled: bool = False
    _pictures: Iterator[VideoFrame] | None = None
    _sound: "deque[Packet[Any]]" = field(default_factory=deque)
    """Frames and sound of `again`."""

    def run(self, reporter: ProgressReporter, cancelled: Callable[[], bool]) -> None:
        sound: list[Packet[Any]] = []
        with _one_thread("fer-video-reader") as reading, _one_thread("fer-video-writer") as writing:
            batch: _Batch | None = None
            written: Future[None] | None = None
            first_s, end_s = self.span_s
            if self.again is not None:
                self._pictures = self.again.frames(self._sound.append)
            on_audio = sound.append if self.writer and self.again is None else None
            frames_read = itertools.takewhile(
                lambda frame: frame.time_s < end_s, self.reader.frames(on_audio, from_s=first_s)
            )
            for frames in batch_frames(frames_read, self.reader.info, self.stream):
                # The first frames are written in any case, so that a cancelled video is a video.
                if self.num_followed and cancelled():
                    self.was_cancelled = True
                    break
                followed = self.stream.follow([(frame.picture, frame.time_s) for frame in frames])
                self.num_followed += len(frames)
                if batch is not None:
                    written = self._pass_on(batch, written, writing, reporter)
                batch = _Batch(frames, tuple(sound), reading.submit(self.stream.read, followed))
                sound.clear()
            if batch is not None:
                written = self._pass_on(batch, written, writing, reporter)
            known = self.joiner.finish() if self.joiner else ()
            self._count(known)
            if written is not None:
                written.result()
            self._write((), known, ())
            if not self.was_cancelled:
                deque(self._pictures or (), maxlen=0)  # sound may come after the last frame
                self._write((), (), sound)
        reporter.tell(self.num_done, is_last=True)

    def _pass_on(
        self,
        batch: "_Batch",
        written: "Future[None] | None",
        writing: ThreadPoolExecutor,
        reporter: ProgressReporter,
    ) -> "Future[None]":
        """Let a batch be written as soon as it is read and the one before is written; count it."""
        results = batch.results.result()
        if written is not None:
            written.result()
        known = self.joiner.join(batch.frames, results) if self.joiner else results
        written = writing.submit(self._write, batch.frames, known, batch.sound)
        self._count(known)
        self.num_done += len(batch.frames)
        reporter.tell(self.num_done)
        return written

    def _write(
        self, frames: Sequence[VideoFrame], results: Sequence[FrameResult], sound: Sequence["Packet[Any]"]
    ) -> None:
        if self.writer is None:
            return
        for packet in sound:
            self.writer.write_audio(packet)
        # Results first: no picture may be taken out for which there is none yet.
        for result, frame in zip(results, self._pictures or frames, strict=False):
            self._write_sound(self.writer)
            self.writer.write(self.painter.paint(frame.picture, result.faces, result.voice), frame.pts)
        self._write_sound(self.writer)

    def _write_sound(self, writer: VideoWriter) -> None:
        while self._sound:
            writer.write_audio(self._sound.popleft())

    def _count(self, results: Sequence[FrameResult]) -> None:
        for number, result in enumerate(results, start=self.num_counted):
            if self.rows is not None:
                self.rows.add(number, result.time_s, result.faces, result.voice)
            self.totals.add(result)
            self.time_s = result.time_s
            if self.on_frame is not None:
                self.on_frame(number, result)
        self.num_counted += len(results)


class _Batch(NamedTuple):
    """Frames whose faces are being read."""

    frames: Sequence[VideoFrame]
    sound: Sequence["Packet[Any]"]
    results: "Future[list[FrameResult]]"


def _one_thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


def _check_paths(source: Path, target: Path | None, table: Path | None) -> None:
    if target is None and table is None:
        raise ConfigError("neither a video nor a table is to be written; name one")
    if target is not None and target.suffix.lower() != ".mp4":
        raise ConfigError(
            f"output {target.name!r} ends in {target.suffix!r}; expected .mp4, or, for the table alone, "
            f"{list_extensions()}"
        )
    if table is not None:
        find_format(table)
    for path in (target, table):
        if path is not None and path.is_dir():
            raise ConfigError(f"output {path} is a folder; name a file in it")
    if target is not None and target.resolve() == source.resolve():
        raise ConfigError(f"output {target} is the input itself; choose another name")


def create_like(
    reader: FrameReader, target: Path, encoder: EncoderSettings | None
) -> AbstractContextManager[VideoWriter]:
    """A video like the one that is read: size, rate, times, colours and sound."""
    return create_video(
        target,
        size=(reader.info.width_px, reader.info.height_px),
        rate=reader.rate,
        time_base=reader.time_base,
        settings=encoder,
        color=reader.color,
        audio=reader.audio,
    )
