"""Label Studio: a task with predictions for its video editor, and the corrections that people made there.

Expressions are ranges of a timeline, faces are boxes that move. Label Studio counts frames from 1, at the
rate that the labelling interface names. Source: https://labelstud.io/guide/task_format,
/tags/timelinelabels, /tags/videorectangle. Its own converter to other formats keeps no expression of a box,
so ranges carry them.
"""

import contextlib
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from fer_core import __version__
from fer_core.errors import ConfigError, DataError
from fer_core.escaping import escape_html
from fer_core.io import write_text
from fer_core.palette import emotion_color
from fer_core.plain import parse_json
from fer_core.studies.formats.annotations import Media, build_annotations, name_tiers, read_text
from fer_core.studies.path_endings import count_same

if TYPE_CHECKING:
    import pandas as pd

_POINT: Final[str] = "point"
_KEYFRAMES_PER_S: Final[float] = 5.0
"""Boxes that are written; Label Studio draws what is between."""


def write_label_studio(
    annotations: "pd.DataFrame",
    path: Path,
    media: Media | None = None,
    *,
    faces: "pd.DataFrame | None" = None,
    codes: Sequence[str] = (),
) -> list[str]:
    """Write a list of one task with predictions, and beside it the labelling interface (`.xml`) for it.

    Args:
        annotations: what is predicted: a range each. `meta` holds the tier, and whether it is a point.
        path: the JSON file, for Import in Label Studio.
        media: the video; Label Studio needs its frame rate.
        faces: the table of faces, for their boxes.
        codes: that people can choose from; those of the annotations, if not given.

    Returns:
        What is not as in the table, in words.

    Raises:
        ConfigError: no video is named.
        StorageError: it can't be written.
    """
    if media is None:
        raise ConfigError(
            "Label Studio counts frames, so it needs the video's frame rate: name it with --video"
        )
    result = [
        _describe_range(number, item, media) for number, item in enumerate(annotations.to_dict("records"), 1)
    ]
    boxes = [] if faces is None else list(_describe_boxes(faces, media))
    data = {"video": media.name, "fps": media.fps}
    task = {
        "data": data,
        "predictions": [{"model_version": f"fer-workbench {__version__}", "result": result + boxes}],
    }
    write_text(path, json.dumps([task], indent=1, ensure_ascii=False) + "\n")
    known = [*codes, *annotations["code"].tolist()]
    tiers = [box["value"]["labels"][0] for box in boxes]
    write_text(path.with_suffix(".xml"), build_interface(known, tiers, media.fps))
    notes = [
        f"the labelling interface is in {path.with_suffix('.xml').name}: paste it in Settings, Labeling "
        "Interface"
    ]
    if faces is None:
        notes.append("boxes are left out: they come from a table of faces")
    return [*notes, f"times are whole frames at {media.fps:g} a second"]


def build_interface(codes: Iterable[str], tiers: Iterable[str], fps: float) -> str:
    """The labelling interface: a video, a timeline of codes and boxes of faces."""

    def list_labels(names: Iterable[str], colored: bool) -> str:
        return "".join(
            f'\n    <Label value="{escape_html(name)}"'
            + (f' background="{emotion_color(name)}"' if colored else "")
            + "/>"
            for name in dict.fromkeys(names)
        )

    return f"""<View>
  <Video name="video" value="$video" frameRate="{fps:.6g}"/>
  <TimelineLabels name="expression" toName="video">{list_labels(codes, True)}
  </TimelineLabels>
  <VideoRectangle name="box" toName="video"/>
  <Labels name="face" toName="video">{list_labels(tiers, False)}
  </Labels>
</View>
"""


def _describe_range(number: int, item: Mapping[Any, Any], media: Media) -> dict[str, Any]:
    is_point = math.isnan(item["end_s"])
    start = round(item["start_s"] * media.fps) + 1
    end = start if is_point else max(start, round(item["end_s"] * media.fps))
    return {
        "id": f"annotation-{number}",
        "type": "timelinelabels",
        "from_name": "expression",
        "to_name": "video",
        "origin": "prediction",
        "meta": {"text": [item["tier"], *([_POINT] if is_point else [])]},
        "value": {"ranges": [{"start": start, "end": end}], "timelinelabels": [item["code"]]},
    }


def _describe_boxes(faces: "pd.DataFrame", media: Media) -> Iterator[dict[str, Any]]:
    ordered = name_tiers(faces).sort_values("frame")
    for number, (tier, rows) in enumerate(ordered.groupby("tier", sort=False), 1):
        is_last = rows["frame"].diff(-1).fillna(-2) != -1
        is_first = rows["frame"].diff().fillna(2) != 1
        step = max(1, round(media.fps / _KEYFRAMES_PER_S))
        chosen = rows[is_first | is_last | (rows["frame"] % step == 0)]
        sequence = [
            {
                "frame": round(item["time_s"] * media.fps) + 1,
                "time": round(item["time_s"], 6),
                "x": 100 * item["x"] / media.width_px,
                "y": 100 * item["y"] / media.height_px,
                "width": 100 * item["width"] / media.width_px,
                "height": 100 * item["height"] / media.height_px,
                "rotation": 0,
                "enabled": not ends,
            }
            for item, ends in zip(chosen.to_dict("records"), is_last[chosen.index], strict=True)
        ]
        yield {
            "id": f"face-{number}",
            "type": "videorectangle",
            "from_name": "box",
            "to_name": "video",
            "origin": "prediction",
            "value": {
                "framesCount": media.num_frames,
                "duration": media.duration_s,
                "sequence": sequence,
                "labels": [str(tier)],
            },
        }


def read_label_studio(path: Path, media: Media | None = None) -> "pd.DataFrame":
    """Annotations that people made or corrected, from Label Studio's export as JSON.

    Only what was submitted counts: no prediction, no cancelled annotation. The coder is who completed it. A
    correction keeps the tier of the prediction that it began as; what was drawn anew is on `events`.

    Args:
        path: the export.
        media: the video; of a project with several tasks its is read. Its frame rate counts where the task
            names none (`data.fps`).

    Raises:
        DataError: it is no export of a video task, or of several and it is not said which; nothing was
            submitted; or the frame rate is not known.
    """
    tasks = read_tasks(path)
    if len(tasks) > 1 and media is not None:
        videos = {media.name: media.name}
        tasks = [task for task in tasks if match_video(get_video(task), videos)]
    if len(tasks) != 1:
        raise DataError(
            f"{path} holds {len(tasks)} tasks{'' if media is None else f' of {media.name}'}; expected one: "
            "name the video that it is about (fer convert --video VIDEO), or take all of a project into a "
            "study (fer study events STUDY FILE)"
        )
    annotations = read_task(tasks[0], path, lambda: media)
    if annotations is None:
        raise DataError(
            f"{path} has no submitted annotation; submit the task in Label Studio and export it as JSON"
        )
    return annotations


def read_task(task: Any, path: Path, find_media: Callable[[], Media | None]) -> "pd.DataFrame | None":
    """What people submitted of a task; None if they have submitted nothing yet.

    Args:
        task: of the export.
        path: the export, for messages.
        find_media: asked for the video where the task names no frame rate.

    Raises:
        DataError: it is no task of a video, or the frame rate is not known.
    """
    try:
        done = [item for item in task.get("annotations") or [] if not item.get("was_cancelled")]
        if not done:
            return None
        fps = _find_fps(task["data"], path, find_media)
        rows = [row for item in done for row in _read_ranges(item, fps)]
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise DataError(
            f"{path} does not hold what an export of Label Studio does ({type(cause).__name__}: {cause}); "
            "expected data with video, and annotations with ranges of a timeline"
        ) from cause
    return build_annotations(rows, str(path))


def get_video(task: Any) -> str:
    """Where a task has its video from, as it says: a path or an address; empty if it does not say."""
    data = task.get("data") if isinstance(task, dict) else None
    return str(data.get("video") or "") if isinstance(data, dict) else ""


def match_video(said: str, paths: Mapping[str, str]) -> list[str]:
    """Which recordings a task's video can be of: those whose path ends most like it.

    Label Studio puts eight signs before the name of a file that was uploaded, and takes out what is no letter
    or digit; a local storage has its path in the address (`/data/local-files/?d=folder/a.mp4`).

    Args:
        said: by the task.
        paths: of the recordings' files, by recording.

    Returns:
        One recording; none if no file has this name, several if they fit equally well.
    """
    parts = _list_parts(said)
    fits = {name: count_same(parts, _list_parts(path)) for name, path in paths.items()}
    best = max(fits.values(), default=0)
    return [name for name, fit in fits.items() if fit == best > 0]


def _list_parts(said: str) -> list[str]:
    """The parts of a path or address, as Label Studio may have changed them."""
    if "://" in said or said.startswith("/data/"):
        with contextlib.suppress(ValueError):  # an address that is none is taken as it stands
            address = urlsplit(said)
            said = parse_qs(address.query).get("d", [unquote(address.path)])[0]
    parts = [
        re.sub(r"[^-\w.]", "", unicodedata.normalize("NFC", part).strip().replace(" ", "_")).casefold()
        for part in re.split(r"[/\\]", said)
    ]
    parts[-1] = re.sub(r"^[0-9a-f]{8}-", "", parts[-1])
    return [part for part in parts if part]


def _find_fps(data: Mapping[str, Any], path: Path, find_media: Callable[[], Media | None]) -> float:
    """Frames a second: of the task, else of the video."""
    said = dict(data).get("fps")
    if said is None:
        media = find_media()
        if media is None:
            raise DataError(
                f"{path} counts frames, and the frame rate is not known: its data has no fps; name the video "
                "(fer convert --video VIDEO)"
            )
        return media.fps
    fps = float(said)
    if not 0 < fps < math.inf:
        raise ValueError(f"fps is {fps:g}")
    return fps


def read_tasks(path: Path) -> list[Any]:
    """The tasks of an export as JSON, as they stand there.

    Raises:
        DataError: it is no JSON.
    """
    try:
        tasks = parse_json(read_text(path))
    except ValueError as cause:
        raise DataError(
            f"{path} is no JSON: {cause}; export the project from Label Studio as JSON"
        ) from cause
    return tasks if isinstance(tasks, list) else [tasks]


def name_coder(annotation: Mapping[str, Any]) -> str:
    """Who completed an annotation: the address or number of a user; empty if it does not say."""
    who = annotation.get("completed_by") or ""
    return str(who.get("email") or who.get("id") or "") if isinstance(who, dict) else str(who)


def _read_ranges(annotation: Mapping[str, Any], fps: float) -> Iterator[tuple[object, ...]]:
    coder = name_coder(annotation)
    for item in annotation["result"]:
        if item["type"] != "timelinelabels":
            continue
        meta = (item.get("meta") or {}).get("text") or [""]
        tier, *flags = [meta] if isinstance(meta, str) else meta
        for part in item["value"]["ranges"]:
            end = None if _POINT in flags and part["start"] == part["end"] else part["end"] / fps
            for code in item["value"]["timelinelabels"]:
                yield tier, (part["start"] - 1) / fps, end, code, coder, ""
