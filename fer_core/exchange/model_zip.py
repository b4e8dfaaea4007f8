"""Taking a model away: one zip that holds everything, and says how to use it."""

import shlex
from pathlib import Path
from typing import Final

from fer_core.checkpoint import CARD_FILE, INFO_FILE, CheckpointEntry, CheckpointInfo, verify_weights
from fer_core.errors import CheckpointError, StorageError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.exchange.unpack import README_FILE
from fer_core.exported import EXPORTS_FILE, list_exports
from fer_core.io import atomic_path
from fer_core.links import check_link
from fer_core.provenance import answer_use
from fer_core.scratch import scratch_folder
from fer_core.zip_file import write_zip_file

_EXAMPLE: Final[str] = """```python
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{name}")
model = json.loads(session.get_modelmeta().custom_metadata_map["fer_core"])["checkpoint"]
mean, std = np.float32(model["input"]["mean"]), np.float32(model["input"]["std"])
# faces: uint8, N x height x width x channels, cut out as below
images = ((faces / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)
(probabilities,) = session.run(["probabilities"], {{"images": images}})
names = [model["classes"][index] for index in probabilities.argmax(axis=1)]
```
"""
"""Run by a test as it stands."""


def get_short_name(entry: CheckpointEntry) -> str:
    """A model's name where there is no place for a slash: `<run>/best` is called after its run."""
    folder = entry.folder.resolve()
    return folder.parent.name if folder.name in ("best", "last") else folder.name


def list_files(entry: CheckpointEntry) -> list[Path]:
    """Files of a model that others need, checked: description, weights, card, ONNX files of these weights.

    Raises:
        CheckpointError: the weights are not those of the description, nothing is there that predicts, or a
            link leads out of the folder.
    """
    folder, info = entry.folder, entry.info
    onnx: list[Path] = []
    for record in list_exports(folder, weights_sha256=info.weights_sha256):
        if record.path.suffix != ".onnx":  # who receives it may lack what reads other formats
            continue
        data = record.path.with_name(f"{record.path.name}.data")
        onnx += [record.path, *([data] if data.is_file() else [])]
    files = [folder / INFO_FILE]
    if (folder / info.weights_file).exists() or not onnx:
        files.append(verify_weights(folder, info))
    files += [folder / CARD_FILE] if (folder / CARD_FILE).is_file() else []
    files += [folder / EXPORTS_FILE, *onnx] if onnx else []
    for path in files:
        check_link(path, folder, CheckpointError)
    return files


def write_zip(entry: CheckpointEntry, target: Path) -> Path:
    """Write a model and how to use it as a zip, whole or not at all.

    Args:
        entry: the model.
        target: the file to write; an existing one is replaced.

    Raises:
        CheckpointError: the model is damaged, or a file of it can't be read.
        StorageError: the zip can't be written.
    """
    files = list_files(entry)
    name = get_short_name(entry)
    try:
        readme = build_readme(name, entry.info, [path.name for path in files])
        members = {f"{name}/{README_FILE}": readme} | {f"{name}/{path.name}": path for path in files}
        with atomic_path(target) as temporary:
            write_zip_file(temporary, members)
    except StorageError:
        raise
    except OSError as cause:
        raise CheckpointError(f"{entry.folder} can't be packed: {cause.strerror or cause}") from cause
    return target


def build_zip(entry: CheckpointEntry) -> bytes:
    """The zip of `write_zip` in memory, for a browser.

    Raises:
        CheckpointError: the model is damaged.
        StorageError: the temporary folder is full.
    """
    with scratch_folder() as folder:
        return write_zip(entry, folder / "model.zip").read_bytes()


def build_readme(name: str, info: CheckpointInfo, files: list[str]) -> str:
    """How to use the files, with the preprocessing in words and numbers."""
    spec = info.input
    kind = "one grey channel" if spec.color == "gray" else "three channels in the order red, green, blue"
    mean = ", ".join(f"{value:.6g}" for value in spec.mean)
    std = ", ".join(f"{value:.6g}" for value in spec.std)
    listed = "\n".join(f"- {quote_markdown(file)}" for file in files)
    onnx = [file for file in files if file.endswith(".onnx")]
    return f"""# {escape_markdown(name)}

A model of the FER workbench. It names the **apparent expression** of one face, as one of
{escape_markdown(", ".join(info.classes))}. It reads faces, not feelings.

{listed}

Nothing in here is a pickle, so opening it runs no code.

## With the workbench
```text
fer models import {shlex.quote(name + ".zip")}
fer predict photo.jpg --model {shlex.quote(name)}
```
The **Models** page of its dashboard takes the zip too.

## Without it
{_describe_onnx(onnx)}
`{INFO_FILE}` has all of this for a program:

- input: {spec.height} x {spec.width} px, {kind}; values `(pixel / 255 - mean) / std`, mean {mean}, std {std}
- crop: a square, its side {spec.framing.side_per_height:g} times the height of the face's box, its centre
  {spec.framing.shift_up:g} of the side above the box's centre
- output: one logit a class, in the order above; probabilities are `softmax(logits / {info.temperature:.6g})`

{_describe_origin(info)}"""


def _describe_onnx(onnx: list[str]) -> str:
    if not onnx:
        return "The weights are in safetensors format; the workbench's `fer_core.models` builds the network."
    plain = [name for name in onnx if "uint8" not in name]
    name, example = (plain[0], _EXAMPLE.format(name=plain[0])) if plain else (onnx[0], "")
    return f"`{name}` runs with onnxruntime alone, and carries these facts in its own metadata.\n{example}"


def _describe_origin(info: CheckpointInfo) -> str:
    lines = []
    if info.data.get("name"):
        lines.append(f"Trained on {quote_markdown(str(info.data['name']))}.")
    lines += [f"- {escape_markdown(item.describe())}" for item in info.terms]
    lines.append(f"\nMay it be used commercially? {escape_markdown(answer_use(info.terms))}")
    return "\n".join(lines) + "\n" if lines else ""
