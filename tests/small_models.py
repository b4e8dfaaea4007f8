"""Checkpoints that a test makes for itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_core.checkpoint import CheckpointInfo, InputSpec, SoundSpec
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

SMALL_NETWORK = {"stem_width": 8, "widths": "8-8-8", "depths": "1-1-1"}


def save_small_model(
    workspace: Workspace,
    name: str,
    *,
    seed: int = 0,
    always: str | None = None,
    chances: Mapping[str, float] | None = None,
    metrics: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Save a small network as the best checkpoint of a run, and return its folder.

    Its weights are random; with `always` it gives that emotion 89 % whatever it sees, and with `chances` it
    knows those classes only and always answers so.
    """
    import torch

    from fer_core.models import build_model, save_checkpoint

    torch.manual_seed(seed)
    classes = tuple(chances or EMOTIONS)
    network = build_model("fer_resnet", num_classes=len(classes), in_channels=1, arguments=SMALL_NETWORK)
    if chances is not None:
        with torch.no_grad():
            network.classifier.weight.zero_()
            network.classifier.bias.copy_(torch.tensor(list(chances.values())).log())
    if always is not None:
        with torch.no_grad():
            network.classifier.weight.mul_(0.01)
            network.classifier.bias.zero_()
            network.classifier.bias[EMOTIONS.index(always)] = 4.0  # e^4 / (e^4 + 7) = 0.886
    info = CheckpointInfo(
        name=name,
        architecture="fer_resnet",
        arguments=SMALL_NETWORK,
        classes=classes,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=0,
        metrics=tuple(metrics),
    )
    folder = workspace.run(name) / "best"
    save_checkpoint(folder, network, info)
    return folder


def save_small_voice(workspace: Workspace, name: str, *, always: str = "anger") -> Path:
    """Save a small network that hears `always` in any voice, as the best checkpoint of a run."""
    import torch

    from fer_core.models import build_model, save_checkpoint

    classes = ("anger", "boredom", "happiness", "neutral")
    network = build_model("voice_cnn", num_classes=4, in_channels=1, arguments={"widths": "8-8"})
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.zero_()
        network.classifier.bias[classes.index(always)] = 2.0
    sound = SoundSpec(window_s=1.0)
    size = {"height": sound.num_bands, "width": sound.num_frames}
    info = CheckpointInfo(
        name=name,
        architecture="voice_cnn",
        arguments={"widths": "8-8"},
        classes=classes,
        input=InputSpec(**size, color="gray", mean=(0.5,), std=(0.25,), kind="sound", sound=sound),
        weights_sha256="0" * 64,
        num_parameters=0,
    )
    folder = workspace.run(name) / "best"
    save_checkpoint(folder, network, info)
    return folder
