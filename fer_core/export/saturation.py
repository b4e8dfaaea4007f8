"""The check that an 8-bit graph computes the same on every processor."""

from typing import TYPE_CHECKING, Final

import numpy as np

from fer_core.errors import ExportError

if TYPE_CHECKING:
    from onnx import ModelProto

_LARGEST_WEIGHT: Final[int] = 64
"""255 x (64 + 64) = 32,640 still fits into 16 bits with a sign; 255 x (65 + 64) = 32,895 does not."""
_INTEGER_PRODUCTS: Final[frozenset[str]] = frozenset(
    {"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QGemm", "DynamicQuantizeMatMul"}
)
_FLOAT_PRODUCTS: Final[frozenset[str]] = frozenset({"Conv", "Gemm", "MatMul"})


def require_no_saturation(proto: "ModelProto") -> None:
    """Refuse a graph whose result depends on the processor.

    Without VNNI, x86 processors multiply unsigned 8-bit activations by signed 8-bit weights in pairs and add
    each pair in 16 bits, where a sum beyond 32,767 is cut off (`VPMADDUBSW`, Intel's instruction set
    reference). With weights of -64 to 64 no activations can get there. A comparison on a machine with VNNI
    can't show the fault.

    Raises:
        ExportError: a signed 8-bit weight of a product is larger.
    """
    from onnx import TensorProto, numpy_helper

    stored = {item.name: item for item in proto.graph.initializer if item.data_type == TensorProto.INT8}
    for name in sorted(_list_factors(proto) & set(stored)):
        # As 16-bit numbers: the absolute value of -128 is -128 in 8 bits.
        largest = int(np.abs(numpy_helper.to_array(stored[name]).astype(np.int16)).max(initial=0))
        if largest > _LARGEST_WEIGHT:
            raise ExportError(
                f"8-bit weights {name!r} reach {largest}; expected at most {_LARGEST_WEIGHT}, since "
                "processors without VNNI would cut off their sums. Quantise with reduce_range=True."
            )


def _list_factors(proto: "ModelProto") -> set[str]:
    """Names of all tensors that enter a product, also through a `DequantizeLinear`."""
    origin = {
        node.output[0]: node.input[0] for node in proto.graph.node if node.op_type == "DequantizeLinear"
    }
    factors = {
        name
        for node in proto.graph.node
        if node.op_type in _INTEGER_PRODUCTS | _FLOAT_PRODUCTS
        for name in node.input
    }
    return factors | {origin[name] for name in factors & set(origin)}
