"""Networks of installed packages that do not work: who is named, and what goes on."""

import copy

import pytest
import torch
from torch import nn

from fer_core.cli import main
from fer_core.errors import ConfigError
from fer_core.models import ARCHITECTURES, Architecture, FerModel, build_model, list_arguments
from fer_core.training import torch_helper


class Net(FerModel):
    def __init__(self, *, num_classes: int, in_channels: int, width: int = 4) -> None:
        super().__init__(feature_dim=width, num_classes=num_classes)
        self.conv = nn.Conv2d(in_channels, width, 3, stride=4)
        self.norm = nn.BatchNorm2d(width)

    def forward_features(self, x):
        return self.norm(self.conv(x))


class Unready(FerModel):
    def __init__(self, *, num_classes: int, in_channels: int) -> None:
        """Forget the base class."""

    def forward_features(self, x):
        return x


class Frozen(Net):
    def __init__(self, **given: int) -> None:
        super().__init__(**given)
        self.requires_grad_(False)


class Lazy(Net):
    def __init__(self, **given: int) -> None:
        super().__init__(**given)
        self.conv = nn.LazyConv2d(4, 3)


class Narrow(Net):
    def classify(self, embedding):
        return super().classify(embedding)[:, :3]


class Flat(Net):
    def forward_features(self, x):
        return super().forward_features(x).mean(dim=(2, 3))


class Undefined(Net):
    def forward_features(self, x):
        return super().forward_features(x) * float("nan")


class Pair(Net):
    def forward(self, x):
        return (super().forward(x),)


class Halved(Net):
    def to_spatial_map(self, features):
        return features[0]


class Unlearning(Net):
    def forward_features(self, x):
        if self.training:
            raise ValueError("no training")
        return super().forward_features(x)


class Detached(Net):
    def forward(self, x):
        return super().forward(x).detach()


class Needy(Net):
    def __init__(self, *, num_classes: int, in_channels: int, licence: str) -> None:
        super().__init__(num_classes=num_classes, in_channels=in_channels)


def fail(**_given: int) -> FerModel:
    raise KeyError("weights")


def leave(**_given: int) -> FerModel:
    raise SystemExit("no licence")


BROKEN = {
    "raises": (fail, "failed to build a network for 48x48 px: KeyError: 'weights'"),
    "leaves": (leave, "failed to build a network for 48x48 px: SystemExit: no licence"),
    "takes nothing": (lambda: Net(num_classes=8, in_channels=1), "failed to build .* TypeError"),
    "needs an argument": (Needy, "needs licence; expected a default for every argument but in_channels"),
    "text": (lambda **_given: "net", "builds something of type str; expected a network of a subclass"),
    "plain module": (lambda **_given: nn.Linear(2, 2), "builds something of type Linear; expected"),
    "no base": (Unready, "failed to build .* AttributeError"),
    "frozen": (Frozen, "has no parameters that learn"),
    "lazy": (Lazy, "has layers of unknown size"),
    "other shape": (Narrow, r"gives a tensor of shape 3 x 3 \(torch.float32\) as logits; expected .* 3 x 8"),
    "features": (Flat, "failed to compute a batch of 48x48 px: IndexError"),
    "NaN": (Undefined, "gives NaN or infinite numbers as logits; expected finite ones"),
    "pair": (Pair, r"gives \(tensor\(.* as forward; expected floating point numbers of shape 3 x 8"),
    "map": (Halved, "gives a tensor .* as spatial map; expected 3 x F x h x w for 3 faces, or None"),
    "training": (Unlearning, "failed to compute a batch of 48x48 px: ValueError: no training"),
    "no gradients": (Detached, "gives logits without gradients"),
}


def architecture(build) -> Architecture:
    return Architecture(build=build, summary="a network", reference="none")


@pytest.mark.parametrize("fault", BROKEN)
def test_a_packages_broken_network_is_named(add_plugin, fault):
    build, message = BROKEN[fault]
    add_plugin(ARCHITECTURES, "foreign", architecture(build))
    with pytest.raises(
        ConfigError, match=f"^the architecture 'foreign' of the package fer-foreign {message}"
    ):
        build_model("foreign", num_classes=8)


def test_our_own_broken_network_is_a_bug(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES._entries, "ours", architecture(fail))
    with pytest.raises(KeyError):
        build_model("ours", num_classes=8)


def test_a_trial_changes_neither_weights_nor_chance(add_plugin):
    torch.manual_seed(3)
    plain = Net(num_classes=8, in_channels=3)
    drawn = torch.rand(2)
    add_plugin(ARCHITECTURES, "foreign", architecture(Net))
    torch.manual_seed(3)
    tried = build_model("foreign", num_classes=8, in_channels=3)
    assert torch.equal(torch.rand(2), drawn)
    before, after = copy.deepcopy(plain.state_dict()), tried.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert tried.training and all(item.grad is None for item in tried.parameters())


def test_arguments_without_annotations_are_of_the_kind_of_their_defaults(add_plugin):
    def build(num_classes, in_channels, width=4, norm=nn.BatchNorm2d, scale: "float" = 1.0, **_more):
        assert norm is nn.BatchNorm2d
        return Net(num_classes=num_classes, in_channels=in_channels, width=width)

    add_plugin(ARCHITECTURES, "foreign", architecture(build))
    expected = {"width": 4, "scale": 1.0, "embedding_dim": 0, "normalise_embedding": False}
    assert list_arguments("foreign") == expected
    assert build_model("foreign", num_classes=8, arguments={"width": 6, "scale": 2}).feature_dim == 6
    with pytest.raises(ConfigError, match=r"model.arguments.width is 'x'; expected int"):
        build_model("foreign", num_classes=8, arguments={"width": "x"})


def test_listings_go_on_without_it(add_plugin, monkeypatch, caplog, capsys):
    built_in = {"plain_cnn": ARCHITECTURES["plain_cnn"]}
    monkeypatch.setattr(ARCHITECTURES, "_entries", built_in)
    add_plugin(ARCHITECTURES, "needy", architecture(Needy))
    add_plugin(ARCHITECTURES, "fine", architecture(Net))
    assert [item["name"] for item in torch_helper.list_architectures()] == ["plain_cnn", "fine"]
    assert "'needy' of the package fer-foreign needs licence" in caplog.text
    assert main(["summary"]) == 0
    printed = capsys.readouterr()
    assert "plain_cnn" in printed.out and "fine" in printed.out and "needy" not in printed.out
    assert "'needy' of the package fer-foreign needs licence" in printed.err


def test_parameters_are_counted_without_a_trial(add_plugin):
    add_plugin(ARCHITECTURES, "foreign", architecture(Undefined))
    assert torch_helper.count_parameters("foreign", {}, 8, 1, [0, 0]) == 4 * 9 + 4 + 8 + 4 * 8 + 8


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"build": 5}, "build is 5; expected something that builds a network"),
        ({"summary": None}, "summary is None; expected text"),
        ({"input_size": 48}, r"input_size is 48; expected None or \(rows, columns\)"),
        ({"input_size": (48, 48, 1)}, r"input_size is \(48, 48, 1\)"),
        ({"min_side_px": 0}, "min_side_px is 0"),
        ({"embedding_dim": -1}, "embedding_dim is -1"),
    ],
)
def test_a_description_that_can_not_be_used_is_refused(facts, message):
    with pytest.raises(ConfigError, match=message):
        Architecture(**{"build": Net, "summary": "a", "reference": "b", **facts})
