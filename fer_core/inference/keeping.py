"""From what the pipeline found to an analysis that is kept: `fer_core.analyses` says what that is."""

import io
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from fer_core.analyses import (
    ANNOTATED_FOLDER,
    FACES_FOLDER,
    TABLE_FILE,
    AnalysisRecord,
    KeptModel,
    KeptSource,
    keep_analysis,
)
from fer_core.checkpoint import CheckpointInfo, FramingSpec
from fer_core.errors import MediaError
from fer_core.framing import compute_square, extract_square
from fer_core.images import load_image
from fer_core.inference.overlay import OverlayStyle, draw_overlay
from fer_core.inference.pipeline import FIXED_COLUMNS, NO_FACE, ImageAnalysis, compute_rows
from fer_core.inference.stream import FaceStream
from fer_core.inference.video_summary import VideoSummary
from fer_core.io import sha256_file
from fer_core.results import build_schema, name_columns, write_table
from fer_core.types import FaceResult, UInt8Array
from fer_core.workspace import Workspace

_THUMBNAIL_PX: Final[int] = 160
"""Side of a face's small picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureToKeep:
    """What is kept of a picture."""

    name: str
    sha256: str
    """Of the file."""
    analysis: ImageAnalysis
    annotated_png: bytes | None = None
    """The picture with its faces marked, if that is to be kept."""
    faces_jpeg: Sequence[bytes] = ()
    """A small picture of each face, if these are to be kept."""


def prepare_picture(
    path: Path,
    found: ImageAnalysis,
    *,
    name: str,
    style: OverlayStyle | None = None,
    framing: FramingSpec | None = None,
) -> PictureToKeep:
    """What is to be kept of a picture; it is read again if pictures of it are.

    Args:
        path: of the picture.
        found: on it.
        name: of the picture.
        style: how it is annotated, if that is to be kept.
        framing: of the model, if a small picture of each face is to be kept.

    Raises:
        MediaError: it can't be read any more.
    """
    annotated, faces = None, list[bytes]()
    if style or framing:
        image_rgb = load_image(path)
        annotated = _encode_image(draw_overlay(image_rgb, found.faces, style), "PNG") if style else None
        faces += _cut_faces(image_rgb, found.faces, framing) if framing else []
    return PictureToKeep(
        name=name, sha256=sha256_file(path), analysis=found, annotated_png=annotated, faces_jpeg=faces
    )


def keep_pictures(
    workspace: Workspace,
    name: str,
    pictures: Iterable[PictureToKeep],
    model: CheckpointInfo,
    settings: Mapping[str, str],
    owner: str = "",
) -> str:
    """Keep what was found on pictures.

    Args:
        workspace: where it is kept.
        name: of the analysis.
        pictures: taken one after the other, so that one at a time is in memory.
        model: that classified.
        settings: what else changes the result: `prior`.
        owner: who keeps it, where the dashboard has a login.

    Returns:
        Its id.

    Raises:
        MediaError: there is no picture.
        FerError: it can't be called that, or not be written.
    """
    rows, sources, detector = [], [], ""
    taken: Counter[str] = Counter()
    with keep_analysis(workspace, name, owner) as draft:
        for picture in pictures:
            own_name = _name_once(picture.name, taken)
            found, detector = picture.analysis, picture.analysis.detector
            sources.append(
                KeptSource(
                    name=own_name, sha256=picture.sha256, width_px=found.width_px, height_px=found.height_px
                )
            )
            rows += [{"source": own_name, **row} for row in compute_rows(found.faces) or [NO_FACE]]
            stem = f"{len(sources):04d}"
            if picture.annotated_png is not None:
                _write(draft.folder / ANNOTATED_FOLDER / f"{stem}.png", picture.annotated_png)
            for number, face in enumerate(picture.faces_jpeg, start=1):
                _write(draft.folder / FACES_FOLDER / f"{stem}-{number:03d}.jpg", face)
        if not sources:
            raise MediaError("no picture could be read, so there is nothing to keep")
        write_table(draft.folder / TABLE_FILE, rows, build_schema(("source", *FIXED_COLUMNS), model.classes))
        draft.record = AnalysisRecord(
            kind="pictures",
            created=datetime.now(UTC),
            model=KeptModel(name=model.name, sha256=model.weights_sha256),
            detector=detector,
            settings=settings,
            classes=tuple(name_columns(model.classes)),
            sources=tuple(sources),
        )
    return draft.key


def _name_once(name: str, taken: "Counter[str]") -> str:
    taken[name] += 1
    return name if taken[name] == 1 else _name_once(f"{name} ({taken[name]})", taken)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def _cut_faces(image_rgb: UInt8Array, faces: Sequence[FaceResult], framing: FramingSpec) -> Iterator[bytes]:
    """A small picture of each face as the model frames it, as JPEG."""
    for face in faces:
        square = compute_square(face.box, framing)
        crop = extract_square(image_rgb, square, width=_THUMBNAIL_PX, height=_THUMBNAIL_PX)
        yield _encode_image(crop, "JPEG")


def _encode_image(image_rgb: UInt8Array, kind: Literal["PNG", "JPEG"]) -> bytes:
    """The file that holds an H x W x 3 RGB image."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return buffer.getvalue()


def describe_video(
    source: Path, stream: FaceStream, summary: VideoSummary, settings: Mapping[str, str | float]
) -> AnalysisRecord:
    """What is known of the analysis of a video when it has ended, for keeping it then or later.

    Args:
        source: the video.
        stream: that analyzed it.
        summary: what became of it.
        settings: what else changes the result: `prior`.
    """
    model, info = stream.predictor.info, summary.source
    return AnalysisRecord(
        kind="video",
        created=datetime.now(UTC),
        model=KeptModel(name=model.name, sha256=model.weights_sha256),
        detector=stream.detector.name,
        settings={
            "detect_every": stream.temporal.detect_every,
            "smoothing": stream.temporal.smoothing_s,
            **settings,
        },
        classes=tuple(name_columns(model.classes)),
        sources=(
            KeptSource(
                name=source.name,
                sha256=sha256_file(source),
                width_px=info.width_px,
                height_px=info.height_px,
                num_frames=summary.num_frames,
                duration_s=summary.duration_s,
            ),
        ),
        notes=summary.notes,
    )


def keep_video(
    workspace: Workspace,
    name: str,
    record: AnalysisRecord,
    table: Path,
    annotated: Path | None = None,
    owner: str = "",
) -> str:
    """Keep what was found in a video.

    Args:
        workspace: where it is kept.
        name: of the analysis.
        record: of `describe_video`.
        table: of `annotate_video`, a Parquet file.
        annotated: the video with its faces marked, if that is to be kept.
        owner: who keeps it, where the dashboard has a login.

    Returns:
        Its id.

    Raises:
        FerError: it can't be called that, or not be written.
    """
    with keep_analysis(workspace, name, owner) as draft:
        shutil.copyfile(table, draft.folder / TABLE_FILE)
        if annotated is not None:
            (draft.folder / ANNOTATED_FOLDER).mkdir()
            shutil.copyfile(annotated, draft.folder / ANNOTATED_FOLDER / "video.mp4")
        draft.record = record
    return draft.key
