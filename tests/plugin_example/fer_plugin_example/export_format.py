"""An export format: ONNX with weights rounded to the 8 significant bits of bfloat16, which compress well."""

import numpy as np

from fer_core.export.formats import EXPORTS, ExportFormat, ExportSource, Tolerance


def write(source: ExportSource) -> str:
    """Round every weight of the network's graph."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(str(source.export_graph()))
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            bits = numpy_helper.to_array(tensor).view(np.uint32)
            rounded = ((bits + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    return source.save_graph(proto)


EXPORTS.register("example_rounded")(
    ExportFormat(
        summary="rounded weights, as an example", write=write, tolerance=Tolerance(max_difference=0.1)
    )
)
