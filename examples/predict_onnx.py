"""Apparent expressions of face crops by an exported file, with nothing but onnxruntime and numpy.

    python examples/predict_onnx.py checkpoints/fer-small/model-fp32.onnx face.npy

`face.npy` holds uint8 pixels of faces that are cut out already: N x H x W for a grey model, N x H x W x 3 RGB
for a colour model, at the size that the file asks for. `fer export` writes such files; everything that is
needed to prepare pixels and to name the result is inside.
"""

import json
import sys

import numpy as np
import onnxruntime


def main(model_path: str, pixels_path: str) -> None:
    """Print the probabilities of each face, best first."""
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["fer_core"])
    spec, classes = facts["checkpoint"]["input"], facts["checkpoint"]["classes"]

    pixels = np.load(pixels_path)  # allow_pickle is off by default: this never runs code
    if pixels.dtype != np.uint8 or pixels.shape[1:3] != (spec["height"], spec["width"]):
        expected = f"uint8, N x {spec['height']} x {spec['width']}"
        sys.exit(f"{pixels_path} is {pixels.dtype} {pixels.shape}; expected {expected}")
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]

    if facts["uint8_input"]:  # the preprocessing is inside the file
        feed = {"pixels": pixels}
    else:
        mean, std = np.float32(spec["mean"]), np.float32(spec["std"])
        feed = {"images": ((pixels / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)}

    (probabilities,) = session.run(["probabilities"], feed)
    for number, row in enumerate(probabilities):
        order = row.argsort()[::-1]
        print(f"face {number}: " + ", ".join(f"{classes[index]} {row[index]:.3f}" for index in order))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
