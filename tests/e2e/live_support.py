"""What the live tests need: models with a known answer, and a camera that plays a known face."""

from pathlib import Path

import numpy as np

from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

FRAME_SIZE = (320, 240)
"""Width and height of the camera's picture. Small and slow, since browser and server share a test's cores."""

CAMERA_FPS = 10


def save_constant_model(workspace: Workspace, name: str, emotion: str) -> None:
    """Save a small network that sees `emotion` in every face, about nine to one."""
    import torch

    from fer_core.checkpoint import CheckpointInfo, InputSpec
    from fer_core.labels import EMOTIONS
    from fer_core.models import build_model, save_checkpoint

    torch.manual_seed(0)
    arguments = {"stem_width": 8, "widths": "8-8-8", "depths": "1-1-1"}
    network = build_model("fer_resnet", num_classes=len(EMOTIONS), in_channels=1, arguments=arguments)
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(0.01)
        last.bias.zero_()
        last.bias[EMOTIONS.index(emotion)] = 4.0  # e^4 / (e^4 + 7) = 0.886
    folder = workspace.run(name) / "best"
    folder.mkdir(parents=True)
    info = CheckpointInfo(
        name=name,
        architecture="fer_resnet",
        arguments=arguments,
        classes=EMOTIONS,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=1,
    )
    save_checkpoint(folder, network, info)


def camera_frame(phase: float = 0.0) -> UInt8Array:
    """The sample picture's face, moving a little to and fro over a phase of 0 to 1."""
    from fer_core.inference.sample import load_sample

    left = 65 + round(10 * np.sin(2 * np.pi * phase))
    width, height = FRAME_SIZE
    return np.ascontiguousarray(load_sample()[:height, left : left + width])


def write_camera_file(path: Path, num_frames: int = 40) -> Path:
    """Write the uncompressed file (.y4m) that Chromium plays as its camera, over and over."""
    import av

    width, height = FRAME_SIZE
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{CAMERA_FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(camera_frame(index / num_frames), format="rgb24")
            file.write(b"FRAME\n" + frame.reformat(format="yuv420p").to_ndarray().tobytes())
    return path
