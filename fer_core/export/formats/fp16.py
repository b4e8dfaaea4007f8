"""Half precision."""

from fer_core.export.formats.base import EXPORTS, ExportFormat, ExportSource, Tolerance


def _write(source: ExportSource) -> str:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    plain = source.export_graph()
    source.tell("halving the precision")
    # Inputs and outputs stay as they are.
    proto = convert_float_to_float16(onnx.load(str(plain)), keep_io_types=True, op_block_list=["Softmax"])
    return source.save_graph(proto)


EXPORTS.register("fp16")(
    ExportFormat(summary="half the size, for GPUs", write=_write, tolerance=Tolerance(min_agreement=0.995))
)
