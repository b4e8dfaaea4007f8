"""`fer predict`: apparent expressions of the faces on pictures."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.analyses import validate_title
from fer_core.cli.terminal import describe_detectors, pick_detector, say
from fer_core.errors import FerError, MediaError
from fer_core.inference.overlay import SURE_FROM
from fer_core.inference.predictor import Runtime
from fer_core.results import check_table, list_extensions
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.checkpoint import CheckpointInfo
    from fer_core.inference.overlay import OverlayStyle
    from fer_core.inference.pipeline import FacePipeline, ImageAnalysis
    from fer_core.types import UInt8Array


def describe_tables() -> str:
    """Help of `--table`, with the formats of installed packages."""
    return (
        "Also write one row per face, and one for a picture without a face (num_faces 0), to this file, "
        f"which ends in {list_extensions()}."
    )


def main(  # noqa: PLR0913 - the command's options
    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="PICTURE")],
    *,
    model: str | None = None,
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    json_output: Annotated[bool, arg(name="json")] = False,
    table: Annotated[Path | None, arg(help=describe_tables)] = None,
    save: Path | None = None,
    top_k: int = 3,
    sure_from: float = SURE_FROM,
    runtime: Runtime = "auto",
    device: str = "auto",
    prior: str = "general",
    keep: Annotated[str | None, arg(metavar="NAME")] = None,
    keep_media: bool = False,
    keep_faces: bool = False,
) -> int:
    """Find the faces on pictures and print the probabilities of their apparent expressions, sorted.

    A picture that can't be read is reported and skipped; the exit status is 1 then.

    Args:
        pictures: Picture files, or folders of them.
        model: A shipped checkpoint's name, a run's name, a folder, or an exported .onnx file; the shipped
            default, if not given.
        detector: Face detector; the best that is installed, if not given.
        json_output: Print one JSON document instead of tables.
        table: Also write one row per face, and one for a picture without a face, to this file.
        save: Also write the pictures with boxes and bars as PNG files into this folder.
        top_k: Probability bars a face in saved pictures.
        sure_from: Call uncertain, and grey out, faces whose label is expected to be right less often, 0 to 1.
        runtime: torch or onnx; auto takes the exported and checked ONNX file on a CPU, which is faster.
        device: Where to compute: auto, cpu, cuda, or tensorrt (ONNX only).
        prior: How often each class is expected: general (faces from anywhere: shares and sharpness chosen
            across data sets), training (as in the training data), uniform, halfway (between the two), or a
            share for every class, such as neutral=5,happiness=2 and so on.
        keep: Also keep the analysis in the workspace under this name: settings, summary and table. `fer
            analyses` lists what is kept.
        keep_media: Keep the pictures with boxes and bars with it; without this and the next no picture of
            anybody is kept.
        keep_faces: Keep a small picture of each face with it.
    """
    if table is not None:
        check_table(table)
    if keep is not None:
        validate_title(keep)
    files = _list_files(pictures)
    from fer_core.inference.overlay import OverlayStyle

    style = OverlayStyle(top_k=top_k, sure_from=sure_from)
    album = _Album(save, files, style) if save else None
    pipeline = _build_pipeline(model, detector, device=device, runtime=runtime, prior=prior)
    analyses: list[tuple[str, ImageAnalysis]] = []
    num_failed = 0
    for path in files:
        try:
            image_rgb = _load(path)
        except MediaError as error:
            say(f"fer predict: {error}", file=sys.stderr)
            num_failed += 1
            continue
        analysis = pipeline.examine(image_rgb)
        analyses.append((str(path), analysis))
        if not json_output:
            _print_analysis(str(path), analysis, sure_from)
        if album:
            album.add(path, image_rgb, analysis)
    if json_output:
        from fer_core.inference.pipeline import export_json

        say(json.dumps(export_json(analyses), indent=2))
    if table is not None:
        _write_table(table, analyses, pipeline.predictor.info.classes)
    if keep is not None:
        info = pipeline.predictor.info
        _keep(keep, analyses, info, prior, style if keep_media else None, keep_faces=keep_faces)
    return 1 if num_failed else 0


def _keep(
    name: str,
    analyses: "list[tuple[str, ImageAnalysis]]",
    model: "CheckpointInfo",
    prior: str,
    style: "OverlayStyle | None",
    *,
    keep_faces: bool,
) -> None:
    from fer_core.inference.keeping import keep_pictures, prepare_picture

    framing = model.input.framing if keep_faces else None
    pictures = (
        prepare_picture(Path(source), found, name=Path(source).name, style=style, framing=framing)
        for source, found in analyses
    )
    key = keep_pictures(Workspace.default(), name, pictures, model, {"prior": prior})
    say(f"fer predict: kept; show it with: fer analyses show {key}", file=sys.stderr)


class _Album:
    """The folder that pictures with boxes and bars are saved into."""

    def __init__(self, folder: Path, files: list[Path], style: "OverlayStyle") -> None:
        self._style = style
        self._targets: dict[Path, Path] = {}
        taken: Counter[str] = Counter()
        for path in dict.fromkeys(files):  # pictures of one name, from several folders, must not collide
            taken[path.name] += 1
            number = f"-{taken[path.name]}" if taken[path.name] > 1 else ""
            self._targets[path] = folder / f"{path.name}{number}.png"
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, path: Path, image_rgb: "UInt8Array", analysis: "ImageAnalysis") -> None:
        from PIL import Image

        from fer_core.inference.overlay import draw_overlay
        from fer_core.io import atomic_path

        target = self._targets[path]
        drawn = Image.fromarray(draw_overlay(image_rgb, analysis.faces, self._style))
        with _writing(target), atomic_path(target) as temporary:
            drawn.save(temporary, "PNG")
        say(f"fer predict: {target}", file=sys.stderr)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise FerError(
            f"{target} can't be written: {cause.strerror or cause}; choose another place"
        ) from cause


def _list_files(pictures: tuple[Path, ...]) -> list[Path]:
    from fer_core.images import IMAGE_SUFFIXES

    files: list[Path] = []
    for path in pictures:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            found = sorted(item for item in path.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES)
        except OSError as cause:
            raise MediaError(f"the folder {path} can't be read: {cause.strerror}") from cause
        if not found:
            inner = (item.parent for item in path.rglob("*") if item.suffix.lower() in IMAGE_SUFFIXES)
            below = next(inner, None)
            hint = f"; folders in it are not searched, name them: {below}" if below else ""
            raise MediaError(f"the folder {path} holds no pictures ({', '.join(IMAGE_SUFFIXES)}){hint}")
        files += found
    if not files:
        raise MediaError("no picture was named; try: fer predict photo.jpg")
    return files


def _build_pipeline(
    model: str | None, detector: str | None, *, device: str, runtime: Runtime, prior: str
) -> "FacePipeline":
    from fer_core.checkpoint import default_checkpoint
    from fer_core.inference.class_prior import with_prior
    from fer_core.inference.pipeline import build_pipeline
    from fer_core.inference.predictor import load_predictor

    workspace = Workspace.default()
    reference = model or default_checkpoint(workspace).key
    predictor = with_prior(load_predictor(reference, workspace, device=device, runtime=runtime), prior)
    return build_pipeline(pick_detector(detector, workspace), predictor, workspace)


def _load(path: Path) -> "UInt8Array":
    from fer_core.images import describe_rest, load_image

    image_rgb = load_image(path)
    if rest := describe_rest(path):
        say(f"fer predict: {path}: {rest}", file=sys.stderr)
    return image_rgb


def _print_analysis(source: str, analysis: "ImageAnalysis", sure_from: float) -> None:
    from fer_core.inference.overlay import UNCERTAIN, describe_state, is_uncertain

    faces = analysis.faces
    say(
        f"{source}: {analysis.width_px}x{analysis.height_px} px, "
        f"{count(len(faces), 'face')} "
        f"(model {analysis.model}, detector {analysis.detector})"
    )
    if not faces:
        say("  no face found; a picture cropped to one face needs --detector whole-image")
    for number, face in enumerate(faces, start=1):
        box = face.box
        words = [describe_state(face), UNCERTAIN * is_uncertain(face, sure_from)]
        size = f"{box.width:.0f}x{box.height:.0f} px"
        place = ", ".join([f"at {box.x:.0f}, {box.y:.0f}", size, *filter(None, words)])
        ranked = "  ".join(f"{name} {probability:.1%}" for name, probability in face.prediction.ranked())
        say(f"  {number:>3}  {place:<28} {ranked}")


def _write_table(path: Path, analyses: "list[tuple[str, ImageAnalysis]]", classes: Sequence[str]) -> None:
    from fer_core.inference.pipeline import FIXED_COLUMNS, NO_FACE, compute_rows
    from fer_core.results import build_schema, write_table

    rows = [
        {"source": source, **row}
        for source, found in analyses
        for row in compute_rows(found.faces) or [NO_FACE]
    ]
    with _writing(path):
        write_table(path, rows, build_schema(("source", *FIXED_COLUMNS), classes))
