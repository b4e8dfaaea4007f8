#!/usr/bin/env bash
# Surprise: asking onnxruntime's `run` for one of a model's outputs computes all of them. What serves the others alone is
#   computed too, and thrown away; only a graph without these outputs spares the work.
# Guess before running: the list of outputs is there so that only what leads to them is computed, as TensorFlow's fetches do.
# Versions: onnxruntime 1.23.2, onnx 1.19.1 (CPU). Source: the profile that onnxruntime writes of each operator it runs.
# Seen: "asked for cheap alone: MatMul Neg", "the graph without the other output: Neg"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet onnxruntime==1.23.2 onnx==1.19.1
env/bin/python - <<'PY'
import json
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def list_operators(outputs):
    """Operators that run when `cheap` is asked for, of a graph with these outputs."""
    nodes = {"cheap": helper.make_node("Neg", ["x"], ["cheap"]), "dear": helper.make_node("MatMul", ["x", "x"], ["dear"])}
    tensors = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in ("x", "cheap", "dear")}
    graph = helper.make_graph(
        [nodes[name] for name in outputs], "g", [tensors["x"]], [tensors[name] for name in outputs]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    session.run(["cheap"], {"x": np.ones((64, 64), np.float32)})
    events = json.load(open(session.end_profiling()))
    return " ".join(sorted({event["args"]["op_name"] for event in events if event.get("cat") == "Node"}))


asked, without = list_operators(["cheap", "dear"]), list_operators(["cheap"])
print("asked for cheap alone:", asked)
print("the graph without the other output:", without)
sys.exit(asked != "MatMul Neg" or without != "Neg")
PY
