"""What an exported ONNX file says about itself, and whether it may be believed.

An export carries everything that is needed to predict rightly under one metadata key: a JSON object with the
checkpoint's description (classes in order, preprocessing, temperature, metrics with their protocol), how it
was exported, and a SHA-256 of the file. The checksum is taken over the file's bytes with the checksum itself
written as zeros, so it can be checked without understanding a byte of the graph.

Files of strangers come through here: nothing is run before everything is checked. Needs no torch.
"""

import hashlib
import json
import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final, cast

from fer_core.checkpoint import CheckpointInfo
from fer_core.errors import CheckpointError
from fer_core.io import sha256_file
from fer_core.onnx_schema import FLOAT, TYPES, UINT8, parse_model
from fer_core.plain import parse_json

SCHEMA_VERSION: Final[int] = 1
METADATA_KEY: Final[str] = "fer_core"
"""Key of the JSON object among the file's metadata."""
TERMS_KEY: Final[str] = "training_data"
"""Key of a sentence on the terms of the training data, for people; `METADATA_KEY` has them for programs."""
BLANK_CHECKSUM: Final[str] = "0" * 64
"""Stands where the checksum will be while the checksum is computed."""

LOGITS: Final[str] = "logits"
PROBABILITIES: Final[str] = "probabilities"
EMBEDDING: Final[str] = "embedding"
IMAGES: Final[str] = "images"
"""Name of the input: float32, N x C x H x W, standardised."""
PIXELS: Final[str] = "pixels"
"""Name of the input where preprocessing is inside the file: uint8, N x H x W x C."""

_MAX_BYTES: Final[int] = 2 * 1024**3
"""Protocol buffers end here; larger weights lie in a second file."""

_EXTERNAL: Final[int] = 1
"""`TensorProto.DataLocation` of weights outside the file."""

_NAME: Final[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxInfo:
    """The facts inside an exported file, checked."""

    path: Path
    checkpoint: CheckpointInfo
    """What was exported: classes, preprocessing, temperature, metrics."""
    precision: str
    """Name of the export format, such as `fp32`; perhaps of a package that is not installed here."""
    embedding: bool
    """Whether there is an output `embedding`, N x E."""
    uint8_input: bool
    """Whether the input is raw pixels, N x H x W x C, rather than standardised N x C x H x W."""

    @property
    def input_name(self) -> str:
        """Name of the input."""
        return PIXELS if self.uint8_input else IMAGES


def build_metadata(
    checkpoint: CheckpointInfo,
    *,
    precision: str,
    embedding: bool,
    uint8_input: bool,
    external_data: dict[str, str] | None = None,
    sha256: str = BLANK_CHECKSUM,
) -> str:
    """Return the JSON text for `METADATA_KEY`; `external_data` maps file names to their SHA-256."""
    value = {
        "schema_version": SCHEMA_VERSION,
        "sha256": sha256,
        "precision": precision,
        "embedding": embedding,
        "uint8_input": uint8_input,
        "external_data": external_data or {},
        "checkpoint": checkpoint.to_dict(),
    }
    return json.dumps(value)


def load_onnx_info(path: Path) -> OnnxInfo:
    """Check an exported file and return what it says about itself. The graph is not run.

    Raises:
        CheckpointError: it is missing, truncated or changed, carries no description of ours, refers to
            weights outside its folder, or its inputs and outputs are not what its description says.
    """
    proto = parse_graph(path)
    metadata = _read_metadata(proto, path)
    _check_external_checksums(proto, path, metadata)
    _check_checksum(path, metadata)
    try:
        info = OnnxInfo(
            path=path,
            checkpoint=CheckpointInfo.from_dict(metadata["checkpoint"], source=str(path)),
            precision=check_format_name(metadata["precision"]),
            embedding=bool(metadata["embedding"]),
            uint8_input=bool(metadata["uint8_input"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as cause:
        raise CheckpointError(
            f"{path}: its description is damaged ({cause}); export the model again"
        ) from cause
    _check_interface(proto, info)
    return info


def compute_checksum(path: Path, written: str) -> str:
    """SHA-256 of the file at `path`, with the checksum `written` in it taken as zeros."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        position = view.find(written.encode("ascii"))
        if position < 0:
            return hashlib.sha256(view).hexdigest()
        end = position + len(written)
        digest = hashlib.sha256()
        with memoryview(view) as whole:
            for part in (whole[:position], BLANK_CHECKSUM.encode("ascii"), whole[end:]):
                digest.update(part)
                if isinstance(part, memoryview):
                    part.release()
        return digest.hexdigest()


def parse_graph(path: Path) -> Any:
    """The `ModelProto` (fer_core.onnx_schema) of any ONNX file, without weights that lie outside it.

    Nothing is run.

    Raises:
        CheckpointError: it is missing, damaged or cut off, or refers to weights outside its folder.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is no file; expected an .onnx file")
    num_bytes = path.stat().st_size
    if not 0 < num_bytes < _MAX_BYTES:
        raise CheckpointError(f"{path} has {num_bytes:,} bytes; expected an ONNX file of 1 byte to 2 GiB")
    try:
        proto = parse_model(path.read_bytes())
    except (OSError, ValueError) as cause:
        raise CheckpointError(
            f"{path} can't be read as ONNX: {cause}. It is damaged, cut off or another kind of file."
        ) from cause
    if not proto.HasField("graph") or not proto.graph.output:
        raise CheckpointError(f"{path} holds no network; it is damaged, cut off or another kind of file")
    for name in sorted(list_external_data(proto)):
        _check_location(path, name)
    return proto


def _check_location(path: Path, name: str) -> None:
    """Weights outside the file must lie right beside it."""
    plain = name == PurePosixPath(name).name == PureWindowsPath(name).name and name not in ("", ".", "..")
    if not plain:
        raise CheckpointError(
            f"{path} wants to read weights from {name!r}; only files right beside it are allowed"
        )
    data = path.with_name(name)
    if data.is_symlink() or not data.is_file():
        raise CheckpointError(f"{path} needs its weights in {data}, which is missing or no plain file")


def _read_metadata(proto: Any, path: Path) -> dict[str, Any]:
    texts = [item.value for item in proto.metadata_props if item.key == METADATA_KEY]
    if len(texts) != 1:
        raise CheckpointError(
            f"{path} does not say which classes it predicts and how faces must be prepared: expected one "
            f"metadata entry {METADATA_KEY!r}, found {len(texts)}. Files written by `fer export` carry it."
        )
    try:
        metadata = parse_json(texts[0])
    except ValueError as cause:
        raise CheckpointError(f"{path}: its description is no JSON ({cause})") from cause
    if not isinstance(metadata, dict) or metadata.get("schema_version") != SCHEMA_VERSION:
        seen = metadata.get("schema_version") if isinstance(metadata, dict) else metadata
        raise CheckpointError(
            f"{path}: its description has schema_version {seen!r}; this program reads {SCHEMA_VERSION}. "
            "Update the program, or export the model again."
        )
    return cast("dict[str, Any]", metadata)


def _check_checksum(path: Path, metadata: dict[str, Any]) -> None:
    written = str(metadata.get("sha256"))
    if len(written) != len(BLANK_CHECKSUM) or compute_checksum(path, written) != written:
        raise CheckpointError(
            f"{path} is not the file that was exported: its checksum differs. Copy or export it again."
        )


def list_external_data(proto: Any) -> set[str]:
    """Names of the files, as written in the graph, in which some of its weights lie."""
    return {
        entry.value
        for tensor in _walk_tensors([proto.graph, *proto.functions])
        if tensor.data_location == _EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _walk_tensors(graphs: Iterable[Any]) -> Iterator[Any]:
    """Every tensor of graphs or functions, those of the graphs inside their nodes, too."""
    for graph in graphs:
        yield from getattr(graph, "initializer", ())
        sparse = [*getattr(graph, "sparse_initializer", ())]
        for attribute in (item for node in graph.node for item in node.attribute):
            yield from (attribute.t, *attribute.tensors)
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
            yield from _walk_tensors([*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs])
        for item in sparse:
            yield from (item.values, item.indices)


def _check_external_checksums(proto: Any, path: Path, metadata: dict[str, Any]) -> None:
    checksums = metadata.get("external_data")
    checksums = checksums if isinstance(checksums, dict) else {}
    for name in sorted(list_external_data(proto)):
        data = path.with_name(name)
        if sha256_file(data) != checksums.get(name):
            raise CheckpointError(f"{data} holds other weights than {path.name} was exported with")


def check_format_name(value: object) -> str:
    """The name of an export format as a file tells it; part of file names.

    Raises:
        ValueError: it can't be one.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"precision {value!r}")
    return value


def _check_interface(proto: Any, info: OnnxInfo) -> None:
    """The graph's inputs and outputs must be what the description says."""
    spec = info.checkpoint.input
    inputs = {item.name: item for item in proto.graph.input}
    outputs = {item.name: item for item in proto.graph.output}
    if info.uint8_input:
        expected, kind = (spec.height, spec.width, spec.channels), UINT8
    else:
        expected, kind = (spec.channels, spec.height, spec.width), FLOAT
    if set(inputs) != {info.input_name}:
        raise CheckpointError(
            f"{info.path} has the inputs {', '.join(sorted(inputs)) or 'none'}; expected {info.input_name!r}"
        )
    _check_shape(inputs[info.input_name], expected, kind, info.path)
    num_classes = (len(info.checkpoint.classes),)
    required = {LOGITS, PROBABILITIES, *([EMBEDDING] if info.embedding else [])}
    missing = required - set(outputs)
    if missing:
        raise CheckpointError(f"{info.path} lacks the output {', '.join(sorted(missing))}")
    for name in (LOGITS, PROBABILITIES):
        _check_shape(outputs[name], num_classes, FLOAT, info.path)


def _check_shape(item: Any, expected: tuple[int, ...], kind: int, path: Path) -> None:
    """The first axis is the batch, of any size; the others are fixed."""
    tensor = item.type.tensor_type
    seen = [axis.dim_value if axis.HasField("dim_value") else "N" for axis in tensor.shape.dim]
    if tensor.elem_type != kind or seen != ["N", *expected]:
        wanted = f"{_name_kind(kind)} of shape N x {' x '.join(map(str, expected))}"
        found = f"{_name_kind(tensor.elem_type)} of shape {' x '.join(map(str, seen))}"
        raise CheckpointError(f"{path}: {item.name} is {found}; its description needs {wanted}")


def _name_kind(kind: int) -> str:
    return TYPES[kind] if kind < len(TYPES) else f"type {kind}"
