"""The ready code of the Models page computes what this program computes."""

import ast
import dataclasses
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fer_core.export.code import build_snippets
from fer_core.inference.onnx_predictor import OnnxPredictor
from tests.node import find_node


@pytest.fixture(params=["fp32", "raw"])
def program(request, exported, tmp_path):
    """A folder with an exported file and the bytes of two faces; its programs; what is expected."""
    path = shutil.copy(exported.records[request.param].path, tmp_path / "it's my model.onnx")
    predictor = OnnxPredictor(path, device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    (tmp_path / "face.raw").write_bytes(pixels.tobytes())
    codes = {item.language: item.code for item in build_snippets(predictor.onnx_info)}
    return tmp_path, codes, predictor.info.classes, predictor.predict_crops(pixels)


def check(printed, classes, expected):
    rows = [dict(pair.split("=") for pair in line.split()) for line in printed.splitlines()]
    assert [tuple(row) for row in rows] == [classes] * len(expected)
    np.testing.assert_allclose(
        [[float(value) for value in row.values()] for row in rows], expected, atol=2e-5
    )


def test_python_computes_the_same(program):
    folder, codes, classes, expected = program
    command = [sys.executable, "-c", codes["python"], "face.raw"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    check(done.stdout, classes, expected)


def test_javascript_computes_the_same(program, browser_runtime):
    """With onnxruntime-web as it was fetched by npm, in place of the package's name."""
    folder, codes, classes, expected = program
    (script,), (binary,) = browser_runtime.glob("ort.wasm.*.mjs"), browser_runtime.glob("*-threaded.wasm.gz")
    imported = f"""import * as ort from {str(script)!r};
import {{ readFileSync }} from "node:fs";
import {{ gunzipSync }} from "node:zlib";
ort.env.wasm.wasmBinary = gunzipSync(readFileSync({str(binary)!r}));
ort.env.wasm.numThreads = 1;"""
    line = 'import * as ort from "onnxruntime-web";'
    assert line in codes["javascript"]
    (folder / "predict.mjs").write_text(codes["javascript"].replace(line, imported))
    command = [*find_node(), "predict.mjs", "face.raw"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    check(done.stdout, classes, expected)


def test_cpp_holds_the_same_facts(program):
    _, codes, classes, _ = program
    code = codes["cpp"]
    assert ", ".join(f'"{name}"' for name in classes) in code
    assert "HEIGHT = 48, WIDTH = 48, CHANNELS = 1" in code
    assert "MEAN = {0.5f}, STD = {0.25f}" in code
    assert "@" not in code and r"it\047s my model.onnx" in code


def test_foreign_names_are_texts_in_every_language(exported):
    info = OnnxPredictor(exported.records["fp32"].path, device="cpu").onnx_info
    names = ('"]; import os', "a\\", "@FILE@", "\u2028*/", "é", "${x}", "%n", "</script>")
    hostile = dataclasses.replace(info, checkpoint=dataclasses.replace(info.checkpoint, classes=names))
    codes = {item.language: item.code for item in build_snippets(hostile)}
    tree = ast.parse(codes["python"])
    (values,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CLASSES"
    ]
    assert tuple(values) == names
    line = re.search(r"CLASSES = \{(.*)\};", codes["cpp"])[1]
    read = [
        re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), part)
        for part in re.findall(r'"([^"]*)"', line)
    ]
    assert [part.encode("latin-1").decode() for part in read] == list(names)
