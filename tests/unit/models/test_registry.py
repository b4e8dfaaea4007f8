"""Every registered architecture keeps the same promises."""

import pytest
import torch

from fer_core.errors import ConfigError
from fer_core.models import ARCHITECTURES, build_model, count_parameters

SMALL = {"fer_resnet": {"stem_width": 8, "widths": "16-24", "depths": "1-1"}}
"""Arguments that make an architecture small enough for a test; the others are tested as they are."""


def build(name, *, in_channels=1, num_classes=8, size=(48, 48)):
    torch.manual_seed(0)
    return build_model(
        name,
        num_classes=num_classes,
        in_channels=in_channels,
        input_size=size,
        arguments=SMALL.get(name),
    )


@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize(("in_channels", "size"), [(1, (48, 48)), (3, (64, 80))])
def test_shapes_and_gradients(name, in_channels, size):
    model = build(name, in_channels=in_channels, num_classes=5, size=size)
    batch = torch.rand(3, in_channels, *size)
    logits = model(batch)
    assert logits.shape == (3, 5)
    assert model.forward_embedding(batch).shape == (3, model.embedding_dim)
    features = model.forward_features(batch)
    assert features.ndim == 4
    assert min(features.shape[2:]) >= 1
    logits.sum().backward()
    assert all(item.grad is not None and item.grad.isfinite().all() for item in model.parameters())


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_predictions_do_not_depend_on_the_batch(name):
    model = build(name).eval()
    batch = torch.rand(5, 1, 48, 48)
    with torch.inference_mode():
        together = model(batch)
        alone = torch.cat([model(item[None]) for item in batch])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_overfits_a_few_images(name):
    """A network that can't learn 32 random pictures by heart is wired wrongly."""
    torch.manual_seed(0)
    model = build(name, num_classes=4, size=(32, 32))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    batch, labels = torch.randn(32, 1, 32, 32), torch.arange(32) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert (model(batch).argmax(1) == labels).float().mean() > 0.95


def test_default_model_is_small():
    assert count_parameters(build_model("fer_resnet", num_classes=8)) < 2_000_000


def test_vgg13_has_the_papers_layers():
    """At the paper's 64x64: 64x2, 128x2, 256x3, 256x3 convolutions, then 1024, 1024 and the classes."""
    model = build_model("vgg13", num_classes=8, input_size=(64, 64))
    widths = [item.out_channels for item in model.modules() if isinstance(item, torch.nn.Conv2d)]
    assert widths == [64] * 2 + [128] * 2 + [256] * 6
    dense = [
        (item.in_features, item.out_features) for item in model.modules() if isinstance(item, torch.nn.Linear)
    ]
    assert sorted(dense) == sorted([(256 * 4 * 4, 1024), (1024, 1024), (1024, 8)])


@pytest.mark.parametrize(
    ("name", "arguments", "match"),
    [
        ("fer_resent", {}, "Did you mean 'fer_resnet'"),
        ("fer_resnet", {"width": "64"}, "Did you mean 'widths'"),
        ("fer_resnet", {"widths": "64-x"}, "64-x"),
        ("fer_resnet", {"widths": "64-0"}, "64-0"),
        ("fer_resnet", {"widths": "64-128"}, "equally many"),
        ("fer_resnet", {"dropout": 1.0}, "dropout"),
        ("vgg13", {"width": 3}, "Known: none"),
        ("fer_resnet", {"widths": 64}, "expected str"),
        ("fer_resnet", {"reduction": True}, "expected int"),
    ],
)
def test_wrong_arguments(name, arguments, match):
    with pytest.raises(ConfigError, match=match):
        build_model(name, num_classes=8, arguments=arguments)


def test_input_too_small_for_vgg13():
    with pytest.raises(ConfigError, match="12x48"):
        build_model("vgg13", num_classes=8, input_size=(12, 48))
