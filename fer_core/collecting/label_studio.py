"""Label Studio: a task for each face of a collection, and the labels that people gave or corrected there.

Source: https://labelstud.io/guide/task_format, /tags/choices. Pictures travel within the file, so that
nothing has to be served to Label Studio.
"""

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fer_core.collecting.collection import Collection
from fer_core.collecting.labels import NO_FACE, UNSURE, Vote, check_vote, now, open_labels
from fer_core.collecting.queues import group_votes
from fer_core.errors import CollectionError, ConfigError, DataError
from fer_core.escaping import escape_html
from fer_core.images import load_image
from fer_core.io import write_text
from fer_core.palette import emotion_color
from fer_core.studies.formats.label_studio import name_coder, read_tasks

_CHOICES: Final[str] = "expression"
_IMAGE: Final[str] = "face"


def write_face_tasks(collection: Collection, path: Path, *, guess: bool = False) -> list[str]:
    """Write a list of tasks, and beside it the labelling interface (`.xml`) for them.

    What annotators have said stands in each task as a prediction with their name, to be corrected.

    Args:
        collection: whose faces.
        path: the JSON file, for Import in Label Studio.
        guess: add what the model says; it biases those who see it.

    Returns:
        What to know of the file, in words.

    Raises:
        CollectionError: it has no face, or a file is damaged.
        ConfigError: the path does not end in .json.
        StorageError: it can't be written.
    """
    if path.suffix.lower() != ".json":
        raise ConfigError(f"{path} does not end in .json, as Label Studio's tasks do")
    faces, votes = collection.load_faces(), group_votes(open_labels(collection).read())
    if faces.empty:
        raise CollectionError(
            f"{collection.name!r} has no face yet; collect some: fer collect {collection.name}"
        )
    tasks = []
    for row in faces[["face", "clip", "person", "label", "model"]].to_dict("records"):
        said = [(vote.annotator, vote.labels) for vote in votes.get(row["face"], ())]
        said += [(row["model"], (row["label"],))] if guess and row["label"] in collection.classes else []
        data = {name: row[name] for name in ("face", "clip", "person")}
        data["image"] = _embed_picture(collection.face_file(row["face"]))
        tasks.append({"data": data, "predictions": [_describe(*item) for item in said]})
    write_text(path, json.dumps(tasks, ensure_ascii=False) + "\n")
    write_text(path.with_suffix(".xml"), _build_interface(collection.classes))
    name = path.with_suffix(".xml").name
    return [f"the labelling interface is in {name}: paste it in Settings, Labeling Interface"]


def _embed_picture(path: Path) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(load_image(path)).save(buffer, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _describe(who: str, labels: Sequence[str]) -> dict[str, Any]:
    result = {
        "id": "expression",
        "type": "choices",
        "from_name": _CHOICES,
        "to_name": _IMAGE,
        "value": {"choices": list(labels)},
    }
    return {"model_version": who, "result": [result]}


def _build_interface(classes: Sequence[str]) -> str:
    choices = "".join(
        f'\n    <Choice value="{escape_html(name)}" hotkey="{key}"'
        + (f' background="{emotion_color(name)}"' if name in classes else "")
        + "/>"
        for key, name in zip(
            (*map(str, range(1, len(classes) + 1)), "u", "0"), (*classes, UNSURE, NO_FACE), strict=True
        )
    )
    return f"""<View>
  <Image name="{_IMAGE}" value="$image"/>
  <Choices name="{_CHOICES}" toName="{_IMAGE}" choice="multiple" showInLine="true">{choices}
  </Choices>
</View>
"""


def read_face_tasks(collection: Collection, path: Path) -> int:
    """Take labels over from Label Studio's export as JSON. The same file, read twice, doubles nothing.

    Only what was submitted counts: no prediction, no cancelled annotation. The annotator is who completed it.
    A label that is older than what the same annotator said last of the face is left out.

    Returns:
        How many labels were taken over, or had been before.

    Raises:
        DataError: it is no export of such tasks, or nothing was submitted.
        CollectionError: its labels can't be written.
    """
    faces = frozenset(map(str, collection.load_faces()["face"]))
    try:
        votes = [vote for task in read_tasks(path) for vote in _read_task(task)]
        checked = [check_vote(collection, faces, vote) for vote in votes]
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise DataError(
            f"{path} does not hold what an export of these tasks does ({type(cause).__name__}: {cause}); "
            f"expected tasks of `fer collections export {collection.name}`, with annotations"
        ) from cause
    if not checked:
        raise DataError(f"{path} has no submitted annotation; submit tasks in Label Studio and export them")
    return open_labels(collection).add(sorted(checked, key=lambda vote: vote.time), only_newer=True)


def _read_task(task: Mapping[str, Any]) -> Iterator[Vote]:
    face = str(task["data"]["face"])
    for annotation in task.get("annotations") or []:
        chosen = [item["value"]["choices"] for item in annotation["result"] if item["type"] == "choices"]
        labels = tuple(str(label) for part in chosen for label in part)
        if annotation.get("was_cancelled") or not labels:
            continue
        who = name_coder(annotation)
        annotator = who if "@" in who else f"Label Studio {who}".strip()
        stamp = str(annotation.get("updated_at") or annotation.get("created_at") or "")
        digest = hashlib.sha256("\0".join((face, annotator, stamp, *labels)).encode()).hexdigest()
        time = datetime.fromisoformat(stamp) if stamp else now()
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        yield Vote(id=f"ls-{digest[:32]}", face=face, annotator=annotator, labels=labels, time=time)
