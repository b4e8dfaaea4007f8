"""From a network to an ONNX graph that says what it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import onnx
import torch
from torch import Tensor, nn

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.errors import ExportError
from fer_core.io import sha256_file
from fer_core.models import FerModel
from fer_core.onnx_file import (
    BLANK_CHECKSUM,
    EMBEDDING,
    IMAGES,
    LOGITS,
    METADATA_KEY,
    PIXELS,
    PROBABILITIES,
    TERMS_KEY,
    build_metadata,
    compute_checksum,
)
from fer_core.provenance import answer_use

if TYPE_CHECKING:
    from fer_core.export.options import ExportOptions

OPSET: Final[int] = 18
"""Old enough for every onnxruntime since 1.14, new enough for all networks here."""
_MAX_INLINE_BYTES: Final[int] = 3 * 2**29
"""Weights beyond 1.5 GiB go to a second file: protocol buffers end at 2 GiB."""
_MAX_BATCH: Final[int] = 65536


class ExportedNetwork(nn.Module):
    """A network as the file offers it: calibrated probabilities beside the logits, preprocessing on wish."""

    def __init__(self, model: FerModel, info: CheckpointInfo, *, embedding: bool, uint8_input: bool) -> None:
        """Wrap `model`, which `info` describes."""
        super().__init__()
        self.model = model
        self.embedding = embedding
        self.uint8_input = uint8_input
        self.temperature = info.temperature
        shape = (1, info.input.channels, 1, 1)
        self.mean = nn.Buffer(torch.tensor(info.input.mean).view(shape) * 255)
        self.scale = nn.Buffer(1 / (torch.tensor(info.input.std).view(shape) * 255))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Standardised N x C x H x W, or N x H x W x C uint8, to logits, probabilities[, embedding]."""
        if self.uint8_input:
            x = (x.permute(0, 3, 1, 2).float() - self.mean) * self.scale
        outputs = self.model.forward_outputs(x)
        probabilities = torch.softmax(outputs.logits / self.temperature, dim=1)
        given = (outputs.logits, probabilities)
        return (*given, outputs.embedding) if self.embedding else given


def export_graph(model: FerModel, info: CheckpointInfo, path: Path, options: "ExportOptions") -> None:
    """Write the network as an fp32 ONNX graph with a dynamic batch, without a description yet.

    Raises:
        ExportError: the network can't be expressed in ONNX.
    """
    network = ExportedNetwork(
        model.eval(), info, embedding=options.embedding, uint8_input=options.uint8_input
    ).eval()
    names = [LOGITS, PROBABILITIES, *([EMBEDDING] if options.embedding else [])]
    try:
        torch.onnx.export(
            network,
            (_example(info.input, uint8=options.uint8_input),),
            path,
            dynamo=True,
            opset_version=OPSET,
            input_names=[PIXELS if options.uint8_input else IMAGES],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=_MAX_BATCH)},),
            external_data=is_large(model),
            verbose=False,
        )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as cause:
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise ExportError(f"{info.architecture} can't be expressed in ONNX: {reason}") from cause


def _example(spec: InputSpec, *, uint8: bool) -> Tensor:
    if uint8:
        return torch.randint(0, 256, (2, spec.height, spec.width, spec.channels), dtype=torch.uint8)
    return torch.rand(2, spec.channels, spec.height, spec.width)


def is_large(model: nn.Module) -> bool:
    """Whether the weights are too large for one protocol buffer."""
    num_bytes: int = sum(item.numel() * item.element_size() for item in model.state_dict().values())
    return num_bytes > _MAX_INLINE_BYTES


def write_described(
    proto: onnx.ModelProto,
    info: CheckpointInfo,
    path: Path,
    options: "ExportOptions",
    *,
    external: bool,
) -> str:
    """Save a graph at `path` with its description inside, and return its checksum.

    With `external`, the weights go to `<path>.data`.
    """
    described: dict[str, str] = {}
    _strip(proto)
    if external:
        data = path.with_name(path.name + ".data")
        data.unlink(missing_ok=True)  # onnx would append
        onnx.save_model(
            proto, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=data.name
        )
        described = {data.name: sha256_file(data)}
        proto = onnx.load(str(path), load_external_data=False)
    entry = proto.metadata_props.add()
    entry.key = METADATA_KEY
    entry.value = build_metadata(
        info,
        precision=options.format,
        embedding=options.embedding,
        uint8_input=options.uint8_input,
        external_data=described,
    )
    if info.terms:  # where tools look that don't know our key
        described_terms = "; ".join(item.describe() for item in info.terms)
        proto.metadata_props.add(key=TERMS_KEY, value=f"{described_terms}. {answer_use(info.terms)}")
    proto.producer_name = "fer-workbench"
    content = proto.SerializeToString()
    path.write_bytes(content)
    checksum = compute_checksum(path, BLANK_CHECKSUM)
    path.write_bytes(content.replace(BLANK_CHECKSUM.encode("ascii"), checksum.encode("ascii"), 1))
    return checksum


def _strip(proto: onnx.ModelProto) -> None:
    """Take out what the exporter noted about the source: line by line, with this machine's paths."""
    graph = proto.graph
    for item in (
        proto,
        graph,
        *graph.node,
        *graph.value_info,
        *graph.input,
        *graph.output,
        *graph.initializer,
    ):
        del item.metadata_props[:]
        item.doc_string = ""
