"""What is particular to one family."""

import pytest
import torch

from fer_core.models import build_model
from fer_core.models.complexity import measure_complexity, summarise_layers
from fer_core.models.gcn import GraphConvolution, find_neighbours, gather_maximum


def test_fcn_logits_are_the_mean_of_its_class_activation_map():
    model = build_model("fcn", num_classes=7, input_size=(66, 88), arguments={"widths": "8-16-16"}).eval()
    batch = torch.rand(2, 1, 66, 88)
    with torch.inference_mode():
        grid = model.class_activation_map(batch)
        assert grid.shape == (2, 7, 16, 22)
        assert torch.allclose(grid.mean((2, 3)), model(batch), atol=1e-6)
        assert model(torch.rand(1, 1, 120, 31)).shape == (1, 7), "any size above the minimum"
    assert not any(isinstance(item, torch.nn.Linear) for item in model.modules())


def test_neighbours_are_the_most_alike():
    nodes = torch.tensor([[[1.0, 0.9, 0.0, 0.1], [0.0, 0.1, 1.0, 0.9]]])  # two pairs of alike nodes
    found, shares = find_neighbours(nodes, 2)
    assert found[0].sort(dim=1).values.tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert shares.eq(1).all(), "far more alike than the first one left out"


def test_a_neighbour_comes_and_goes_smoothly():
    """Two nodes, equally alike to a third, take one place: none counts, and neither appears by a jump."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1, 8, 3, generator=generator)
    answers = []
    for tilt in (-1e-4, 0.0, 1e-4):
        angles = torch.tensor([0.0, 0.5 + tilt, -0.5])
        neighbours, shares = find_neighbours(torch.stack([angles.cos(), angles.sin()])[None], 2)
        assert shares[0, 0].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
        answers.append(gather_maximum(values, neighbours, shares))
    assert torch.allclose(answers[0], answers[2], atol=1e-2)
    assert torch.allclose(answers[0], answers[1], atol=1e-2)


def test_maximum_over_neighbours_by_hand():
    nodes = torch.tensor([[[1.0, 5.0, 3.0]], [[-1.0, -5.0, -3.0]]])  # two images, one channel, three nodes
    neighbours = torch.tensor([[[0, 2], [1, 0], [2, 2]], [[0, 1], [1, 2], [2, 0]]])
    whole = torch.ones(neighbours.shape)
    assert gather_maximum(nodes, neighbours, whole).tolist() == [[[3.0, 5.0, 3.0]], [[-1.0, -3.0, -1.0]]]
    half = gather_maximum(nodes, neighbours, whole / 2)
    assert half.tolist() == [[[2.0, 5.0, 3.0]], [[-1.0, -4.0, -2.0]]]


@pytest.mark.parametrize("convolution", ["max_relative", "edge"])
def test_an_edge_carries_what_no_edge_does_not(convolution):
    """A change in one corner reaches its grid neighbour, a lookalike far away, or nobody."""
    torch.manual_seed(0)
    base = torch.zeros(1, 4, 5, 5)
    base[0, 0] = torch.arange(25.0).view(5, 5)  # all different
    base[0, 1] = 1.0
    base[0, :, 4, 4] = base[0, :, 0, 0] + 0.01  # a lookalike in the opposite corner
    changed = base.clone()
    changed[0, 2, 0, 0] = 0.5
    reached = {}
    for edges in ("none", "grid", "knn", "both"):
        layer = GraphConvolution(4, edges=edges, convolution=convolution, num_neighbours=2).eval()
        with torch.no_grad():
            for module in (layer.own, layer.others):
                module.weight.copy_(torch.eye(4).view(4, 4, 1, 1))
            difference = (layer(changed) - layer(base)).abs().sum(1)[0]
        reached[edges] = (difference[0, 1] > 0, difference[4, 4] > 0, difference[0, 0] > 0)
    assert [bool(item) for item in reached["none"]] == [False, False, True]
    assert [bool(item) for item in reached["grid"][:2]] == [True, False]
    assert bool(reached["knn"][1])
    assert [bool(item) for item in reached["both"][:2]] == [True, True]


def test_flops_and_parameters_by_hand():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(64, 2)
    )
    cost = measure_complexity(model, (1, 4, 4))
    assert cost.num_parameters == (9 * 4 + 4) + (64 * 2 + 2)
    assert cost.flops == 2 * (9 * 4 * 16) + 2 * 64 * 2
    assert cost.megabytes == pytest.approx(cost.num_parameters * 4e-6)


def test_layer_summary():
    model = build_model("plain_cnn", num_classes=8)
    layers = summarise_layers(model, (1, 48, 48), max_depth=1)
    assert layers[0].kind == "PlainCnn"
    classifier = next(layer for layer in layers if layer.name == "classifier")
    assert classifier.output_shape == (1, 8)
    assert classifier.num_parameters == 128 * 8 + 8
    assert model.training, "left as it was"
