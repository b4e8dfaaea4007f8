"""8-bit graphs whose result depends on the processor are refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fer_core.errors import ExportError
from fer_core.export.saturation import require_no_saturation


def build_graph(weights: np.ndarray, operator: str) -> onnx.ModelProto:
    """A product of `weights`, K x N, with 8-bit activations."""
    stored = numpy_helper.from_array(weights, "weights")
    if operator == "MatMulInteger":
        nodes = [helper.make_node("MatMulInteger", ["x", "weights"], ["y"])]
        kind = TensorProto.UINT8
    else:
        nodes = [
            helper.make_node("DequantizeLinear", ["weights", "scale"], ["factors"]),
            helper.make_node(operator, ["x", "factors"], ["y"]),
        ]
        kind = TensorProto.FLOAT
    scale = numpy_helper.from_array(np.float32(0.01), "scale")
    inputs = [helper.make_tensor_value_info("x", kind, [1, len(weights)])]
    outputs = [helper.make_tensor_value_info("y", kind, [1, weights.shape[1]])]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, [stored, scale]))


@pytest.mark.parametrize("operator", ["MatMulInteger", "MatMul", "Gemm"])
@pytest.mark.parametrize(
    ("weight", "kind", "good"),
    [
        (64, np.int8, True),
        (-64, np.int8, True),
        (65, np.int8, False),
        (-128, np.int8, False),
        (200, np.uint8, True),  # unsigned by unsigned is computed in 32 bits
    ],
)
def test_weights_that_can_saturate_are_refused(operator, weight, kind, good):
    proto = build_graph(np.full((4, 2), weight, kind), operator)
    if good:
        require_no_saturation(proto)
    else:
        with pytest.raises(ExportError, match=f"reach {abs(weight)}; expected at most 64"):
            require_no_saturation(proto)


def test_8_bit_numbers_outside_products_do_not_matter():
    proto = build_graph(np.full((4, 2), 127, np.int8), "Add")
    require_no_saturation(proto)


@pytest.mark.parametrize(("weight", "exact"), [(64, True), (-64, True), (127, False), (-127, False)])
def test_the_limit_is_that_of_the_instruction(weight, exact):
    """VPMADDUBSW, imitated: pairs of products are added in 16 bits and cut off."""
    activations, weights = np.full(8, 255, np.int64), np.full(8, weight, np.int64)
    pairs = (activations * weights).reshape(-1, 2).sum(axis=1)
    assert (np.clip(pairs, -32768, 32767).sum() == (activations * weights).sum()) == exact
