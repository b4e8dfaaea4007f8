"""Every registered architecture keeps the same promises."""

import numpy as np
import pytest
import torch

from fer_core.checkpoint import CheckpointInfo, InputSpec
from fer_core.errors import ConfigError
from fer_core.labels import EMOTIONS
from fer_core.models import (
    ARCHITECTURES,
    build_model,
    check_input_size,
    count_parameters,
    find_architecture,
    list_arguments,
    load_checkpoint,
    save_checkpoint,
)

SMALL = {
    "fer_resnet": {"stem_width": 8, "widths": "16-24", "depths": "1-1"},
    "plain_cnn": {"widths": "8-16", "dense": 32},
    "fcn": {"widths": "8-16-24"},
    "gcn": {"width": 32, "depth": 2, "num_neighbours": 5},
    "vit": {"width": 32, "depth": 2, "num_heads": 2},
    "timm/test_vit": {"embedding_dim": 16},
    "timm/test_resnet": {"embedding_dim": 16, "normalise_embedding": True},
}
"""Arguments that make an architecture small enough for a test; the others are tested as they are."""
ONE_BLOCK = {"stem_width": 4, "widths": "8", "depths": "1"}
SHALLOW = {"fer_resnet": ONE_BLOCK, "fcn": {"widths": "8-16"}, "gcn": {"depth": 1}, "vit": {"depth": 1}}
"""Arguments that make an architecture smaller still, with a layer of each kind."""
TIMM = ["timm/test_vit", "timm/test_resnet"]
NAMES = [*ARCHITECTURES, *TIMM]


def build(name, *, in_channels=1, num_classes=8, size=(48, 48), **arguments):
    torch.manual_seed(0)
    return build_model(
        name,
        num_classes=num_classes,
        in_channels=in_channels,
        input_size=size,
        arguments={**SMALL.get(name, {}), **arguments},
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("in_channels", "size"), [(1, (48, 48)), (3, (96, 48))])
def test_shapes_and_gradients(name, in_channels, size):
    model = build(name, in_channels=in_channels, num_classes=5, size=size)
    batch = torch.rand(3, in_channels, *size)
    logits = model(batch)
    assert logits.shape == (3, 5)
    assert model.forward_embedding(batch).shape == (3, model.embedding_dim)
    logits.square().sum().backward()
    assert all(item.grad is not None and item.grad.isfinite().all() for item in model.parameters())


@pytest.mark.parametrize("kind", ["se", "eca", "cbam", "none"])
@pytest.mark.parametrize("convolutions", ["plain", "repvgg"])
def test_blocks_of_fer_resnet(kind, convolutions):
    model = build("fer_resnet", attention=kind, convolutions=convolutions)
    model(torch.rand(3, 1, 48, 48)).square().sum().backward()
    assert all(item.grad is not None and item.grad.isfinite().all() for item in model.parameters())
    plain = build("fer_resnet", attention="none")
    assert (count_parameters(model) > count_parameters(plain)) == ((kind, convolutions) != ("none", "plain"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", [{}, {"embedding_dim": 12, "normalise_embedding": True}])
def test_one_pass_gives_logits_embedding_and_map(name, head):
    model = build(name, **head).eval()
    batch = torch.rand(2, 1, 48, 48)
    with torch.inference_mode():
        outputs = model.forward_outputs(batch)
        assert torch.allclose(outputs.logits, model(batch), atol=1e-5)
        assert torch.allclose(outputs.embedding, model.forward_embedding(batch), atol=1e-5)
    assert outputs.embedding.shape == (2, model.embedding_dim)
    assert outputs.spatial_map.ndim == 4
    assert outputs.spatial_map.shape[0] == 2
    if head:
        assert model.embedding_dim == 12
        assert torch.allclose(outputs.embedding.norm(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_layer_groups_hold_every_parameter_once_and_end_with_the_head(name):
    model = build(name, embedding_dim=12, normalise_embedding=True)
    groups = model.layer_groups()
    assert sorted(id(item) for group in groups for item in group) == sorted(map(id, model.parameters()))
    assert len(groups) >= 3
    last = {id(item) for item in groups[-1]}
    assert {id(item) for item in model.classifier.parameters()} <= last
    assert {id(item) for item in model.projection.parameters()} <= last
    assert id(next(model.parameters())) in {id(item) for group in groups[:2] for item in group} | last


@pytest.mark.parametrize("name", NAMES)
def test_predictions_do_not_depend_on_the_batch(name):
    model = build(name).eval()
    batch = torch.rand(5, 1, 48, 48)
    with torch.inference_mode():
        together = model(batch)
        alone = torch.cat([model(item[None]) for item in batch])
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_overfits_a_few_images(name):
    """A network that can't overfit 32 random images is wired wrongly."""
    side = {"vgg13": 16, "timm/test_vit": 32}.get(name, 24)
    model = build(name, num_classes=4, size=(side, side))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    torch.manual_seed(1)
    batch, labels = torch.randn(32, 1, side, side), torch.arange(32) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4 if name == "vgg13" else 3e-3)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert (model(batch).argmax(1) == labels).all()


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_predicts_the_same(name, tmp_path):
    arguments = {**SMALL.get(name, {}), "embedding_dim": 12, "normalise_embedding": True}
    model = build(name, **arguments).eval()
    info = CheckpointInfo(
        name="saved",
        architecture=name,
        arguments=arguments,
        classes=EMOTIONS,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=0,
    )
    save_checkpoint(tmp_path / "saved", model, info)
    loaded, loaded_info = load_checkpoint(tmp_path / "saved")
    assert loaded_info.num_parameters == count_parameters(model)
    batch = torch.rand(2, 1, 48, 48)
    with torch.inference_mode():
        assert torch.equal(loaded(batch), model(batch))


EXPORTED = [
    *((name, SHALLOW.get(name, {})) for name in NAMES),
    *(("fer_resnet", {**ONE_BLOCK, "attention": kind}) for kind in ("eca", "cbam", "none")),
    ("fer_resnet", {**ONE_BLOCK, "convolutions": "repvgg"}),
]


def find_id(name, arguments):
    return "-".join(
        [name, *(str(arguments[key]) for key in ("attention", "convolutions") if key in arguments)]
    )


class SideBySide(torch.nn.Module):
    """All networks on the same pictures, so that one export serves for all."""

    def __init__(self):
        super().__init__()
        sizes = [(16, 16) if name == "vgg13" else (48, 48) for name, _ in EXPORTED]
        self.networks = torch.nn.ModuleList(
            build(name, size=size, **arguments)
            for (name, arguments), size in zip(EXPORTED, sizes, strict=True)
        )
        self.sides = [side for side, _ in sizes]

    def forward(self, images):
        return tuple(
            network(images[:, :, :side, :side])
            for network, side in zip(self.networks, self.sides, strict=True)
        )


@pytest.fixture(scope="module")
def logits(tmp_path_factory):
    """Logits of every network for batches of 1, 3 and 8: pairs of what torch and what the ONNX file gives."""
    import onnxruntime

    model = SideBySide().eval()
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    torch.onnx.export(
        model,
        (torch.rand(2, 1, 48, 48),),
        path,
        dynamo=True,
        input_names=["images"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = []
    for size in (1, 3, 8):
        batch = torch.rand(size, 1, 48, 48)
        with torch.inference_mode():
            expected = [item.numpy() for item in model(batch)]
        found.append(list(zip(expected, session.run(None, {"images": batch.numpy()}), strict=True)))
    return list(zip(*found, strict=True))


@pytest.mark.parametrize("number", range(len(EXPORTED)), ids=[find_id(*item) for item in EXPORTED])
def test_onnx_gives_the_same_for_any_batch(logits, number):
    for expected, found in logits[number]:
        assert expected.shape == found.shape
        assert np.abs(found - expected).max() <= 1e-4


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
        ("fer_resnet", {"widths": "64-128"}, "as many stages"),
        ("fer_resnet", {"dropout": 1.0}, "dropout"),
        ("fer_resnet", {"attention": "cbma"}, "Did you mean 'cbam'"),
        ("fer_resnet", {"convolutions": "rep"}, "one of plain, repvgg"),
        ("vgg13", {"width": 3}, "Known: embedding_dim, normalise_embedding"),
        ("fer_resnet", {"widths": 64}, "expected str"),
        ("fer_resnet", {"reduction": True}, "expected int"),
        ("fer_resnet", {"embedding_dim": 1}, "0 or 2"),
        ("fer_resnet", {"normalise_embedding": True}, "embedding_dim with it"),
        ("plain_cnn", {"widths": "8-8-8-8-8-8"}, "48x48 px at most 5 times, not 6"),
        ("fcn", {"widths": "8-8-8-8-8-8-8"}, "48x48 px at most 5 times, not 6"),
        ("fer_resnet", {"widths": "8-8-8-8-8-8", "depths": "1-1-1-1-1-1"}, "at most 5 times"),
        ("plain_cnn", {"widths": "99999999999"}, "each at most 8192"),
        ("fer_resnet", {"depths": "1-1-999"}, "each at most 128"),
        ("vit", {"width": 0}, "1 to 8192"),
        ("vit", {"depth": 1_000_000}, "1 to 128"),
        ("fer_resnet", {"dropout": float("nan")}, "dropout"),
        ("gcn", {"edges": "knm"}, "Did you mean 'knn'"),
        ("gcn", {"num_neighbours": 144}, "1 to 143, fewer than the nodes"),
        ("vit", {"patch": 7}, "divisor of 48 and 48, such as 6"),
        ("vit", {"num_heads": 3}, "multiple of 3"),
        ("timm/rsnet18", {}, "Did you mean timm/resnet18"),
        ("timm/resnet18.nope", {}, "known: a1_in1k"),
        ("timm/vgg11", {"drop_path": 0.1}, "no stochastic depth"),
    ],
)
def test_wrong_arguments(name, arguments, match):
    with pytest.raises(ConfigError, match=match):
        build_model(name, num_classes=8, arguments=arguments)


@pytest.mark.parametrize(
    ("name", "size", "match"),
    [
        ("vgg13", (12, 48), "12x48"),
        ("fcn", (15, 88), "16 px or more"),
        ("vit", (50, 48), "patch"),
        ("timm/levit_128s", (50, 50), "model.width to 64"),
        ("timm/maxvit_tiny_tf_224", (100, 100), "model.width to 96"),
    ],
)
def test_sizes_that_a_network_can_not_take(name, size, match):
    with pytest.raises(ConfigError, match=match):
        build_model(name, num_classes=8, input_size=size)
    if name != "vit":  # whether its size works is a matter of its arguments
        with pytest.raises(ConfigError, match=match):
            check_input_size(name, size)


@pytest.mark.parametrize(("key", "value"), [("num_classes", 1), ("in_channels", 2), ("in_channels", 0)])
def test_classes_and_channels_that_make_no_sense(key, value):
    with pytest.raises(ConfigError, match=f"{key} is {value}"):
        build_model("gcn", **{"num_classes": 8, key: value})


def test_arguments_are_listed_with_their_defaults():
    assert list_arguments("gcn")["edges"] == "both"
    assert list_arguments("timm/resnet18")["embedding_dim"] == 128
    assert find_architecture("timm/resnet18").input_size == (224, 224)


def test_advanced_model_of_the_ancestors_can_be_described():
    """Swin-Base with a 128-dimensional embedding at 224; built without memory, for it has 88 M weights."""
    with torch.device("meta"):
        model = build_model(
            "timm/swin_base_patch4_window7_224", num_classes=8, in_channels=3, input_size=(224, 224)
        )
        outputs = model.forward_outputs(torch.empty(2, 3, 224, 224))
    assert outputs.embedding.shape == (2, 128)
    assert outputs.spatial_map.shape == (2, 1024, 7, 7)
    assert 80e6 < count_parameters(model) < 95e6
