"""Starting from weights that were trained before."""

import pytest
import torch
from safetensors.torch import save_file

from fer_core.errors import CheckpointError, ConfigError
from fer_core.models import build_model
from fer_core.models.pretrained import load_pretrained, read_state_dict
from tests.small_models import SMALL_NETWORK, save_small_model


def build(name="fer_resnet", **settings):
    arguments = SMALL_NETWORK if name == "fer_resnet" else settings.pop("arguments", None)
    return build_model(name, **{"num_classes": 8, "in_channels": 1, **settings}, arguments=arguments)


def test_from_a_run_with_other_classes_the_head_stays_fresh(workspace):
    folder = save_small_model(workspace, "donor")
    model = build(num_classes=5)
    before = model.classifier.weight.clone()
    report = load_pretrained(model, "donor", workspace)
    assert set(report.fresh) == {"classifier.weight", "classifier.bias"}
    assert torch.equal(model.classifier.weight, before)
    from safetensors.torch import load_file

    donor = load_file(next(folder.glob("*.safetensors")))
    assert torch.equal(model.layers[0][0].weight, donor["layers.0.0.weight"])


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", "nested.pth"])
def test_from_a_file_grey_filters_serve_for_colour(workspace, tmp_path, suffix):
    donor = build().eval()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(donor.state_dict(), path)
    elif suffix == ".pt":
        torch.save(donor.state_dict(), path)
    else:
        state = {f"module.{key}": value for key, value in donor.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": state}, path)
    model = build(in_channels=3).eval()
    report = load_pretrained(model, str(path), workspace)
    assert report.adapted == ("layers.0.0.weight",)
    grey = torch.rand(2, 1, 48, 48)
    assert torch.allclose(model(grey.expand(-1, 3, -1, -1)), donor(grey), atol=1e-5)
    back = build().eval()
    save_file(model.state_dict(), tmp_path / "rgb.safetensors")
    load_pretrained(back, str(tmp_path / "rgb.safetensors"), workspace)
    assert torch.allclose(back(grey), donor(grey), atol=1e-5)


def save_resnet(path, widths="8-12", num_classes=8, **arguments):
    torch.manual_seed(1)
    donor = build_model(
        "fer_resnet",
        num_classes=num_classes,
        in_channels=1,
        input_size=(48, 48),
        arguments={"stem_width": 6, "widths": widths, "depths": "1-1", **arguments},
    )
    for item in donor.state_dict().values():
        if item.is_floating_point():
            item.normal_()
    save_file(donor.state_dict(), path)
    return donor.state_dict()


def test_of_a_wider_network_evenly_spaced_channels_are_kept(workspace, tmp_path):
    path = tmp_path / "wide.safetensors"
    donor = save_resnet(path, "16-23", stem_width=11)
    narrow = {"stem_width": 6, "widths": "8-12", "depths": "1-1"}
    model = build_model("fer_resnet", num_classes=8, in_channels=1, input_size=(48, 48), arguments=narrow)
    report = load_pretrained(model, str(path), workspace)
    assert report.fresh == ()
    assert "classifier.weight" in report.adapted
    own = model.state_dict()
    stem, last = torch.arange(0, 11, 2), torch.arange(0, 23, 2)
    assert torch.equal(own["layers.0.0.weight"], donor["layers.0.0.weight"][stem])
    assert torch.equal(own["layers.0.1.running_var"], donor["layers.0.1.running_var"][stem])
    assert torch.equal(own["classifier.weight"], donor["classifier.weight"][:, last])
    # What a block adds to its input belongs to the same channels.
    block = "layers.6.convolutions.1.0.weight"
    assert torch.equal(own[block], donor[block][last][:, last])
    assert own["layers.2.0.weight"].shape == (8, 6, 3, 3)
    first = donor["layers.2.0.weight"][[0, 2, 4, 6, 9, 11, 13, 15]]
    assert torch.equal(own["layers.2.0.weight"], first[:, stem])


def test_of_a_wider_network_with_other_classes_the_head_stays_fresh(workspace, tmp_path):
    save_resnet(tmp_path / "wide.safetensors", "16-24", num_classes=7)
    narrow = {"stem_width": 6, "widths": "8-12", "depths": "1-1"}
    model = build_model("fer_resnet", num_classes=8, in_channels=3, input_size=(48, 48), arguments=narrow)
    report = load_pretrained(model, str(tmp_path / "wide.safetensors"), workspace)
    assert set(report.fresh) == {"classifier.weight", "classifier.bias"}
    assert model.layers[0][0].weight.shape == (6, 3, 3, 3)
    assert "layers.0.0.weight" in report.adapted


@pytest.mark.parametrize("widths", ["8-24", "24-8"])
def test_a_network_is_never_narrowed_in_part(workspace, tmp_path, widths):
    save_resnet(tmp_path / "other.safetensors", widths)
    arguments = {"stem_width": 6, "widths": "16-16", "depths": "1-1"}
    model = build_model("fer_resnet", num_classes=8, in_channels=1, input_size=(48, 48), arguments=arguments)
    before = {key: item.clone() for key, item in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="fewer channels"):
        load_pretrained(model, str(tmp_path / "other.safetensors"), workspace)
    assert all(torch.equal(item, before[key]) for key, item in model.state_dict().items())


def test_position_codes_are_resized(workspace, tmp_path):
    arguments = {"width": 32, "depth": 1, "num_heads": 2}
    donor = build("vit", arguments=arguments)
    save_file(donor.state_dict(), tmp_path / "vit.safetensors")
    model = build("vit", input_size=(96, 96), arguments=arguments)
    report = load_pretrained(model, str(tmp_path / "vit.safetensors"), workspace)
    assert report.adapted == ("positions",)
    assert model.positions.shape == (1, 32, 16, 16)


def test_a_timm_file_goes_through_timm(workspace, tmp_path):
    import timm

    donor = timm.create_model("test_vit", num_classes=1000, in_chans=3)
    save_file(donor.state_dict(), tmp_path / "test_vit.safetensors")
    model = build("timm/test_vit", input_size=(48, 48))
    report = load_pretrained(model, str(tmp_path / "test_vit.safetensors"), workspace)
    assert not any(key.startswith("backbone.") for key in report.fresh)
    own = model.backbone.state_dict()
    summed = donor.state_dict()["patch_embed.proj.weight"].sum(1, keepdim=True)
    assert torch.allclose(own["patch_embed.proj.weight"], summed, atol=1e-5)
    assert own["pos_embed"].shape[1] == model.backbone.patch_embed.num_patches + 1


def test_a_timm_file_says_what_was_adapted_and_what_is_missing(workspace, tmp_path):
    import timm

    state = timm.create_model("test_vit", num_classes=1000, in_chans=3).state_dict()
    del state["blocks.0.mlp.fc1.weight"]
    save_file(state, tmp_path / "test_vit.safetensors")
    model = build("timm/test_vit", input_size=(48, 48))
    report = load_pretrained(model, str(tmp_path / "test_vit.safetensors"), workspace)
    assert set(report.adapted) == {"backbone.patch_embed.proj.weight", "backbone.pos_embed"}
    assert "backbone.blocks.0.mlp.fc1.weight" in report.fresh
    assert {"classifier.weight", "projection.weight"} <= set(report.fresh)
    everything = (*report.loaded, *report.adapted, *report.fresh)
    assert sorted(everything) == sorted(model.state_dict())


def test_our_own_timm_network_serves_for_another_size_and_colour(workspace, tmp_path):
    donor = build("timm/test_vit", input_size=(48, 48)).eval()
    save_file(donor.state_dict(), tmp_path / "ours.safetensors")
    model = build("timm/test_vit", input_size=(96, 64), in_channels=3, num_classes=5)
    report = load_pretrained(model, str(tmp_path / "ours.safetensors"), workspace)
    assert set(report.adapted) == {"backbone.patch_embed.proj.weight", "backbone.pos_embed"}
    assert report.fresh == ("classifier.weight", "classifier.bias")
    assert torch.equal(model.projection.weight, donor.projection.weight)
    colour = build("timm/test_vit", input_size=(48, 48), in_channels=3).eval()
    load_pretrained(colour, str(tmp_path / "ours.safetensors"), workspace)
    grey = torch.rand(2, 1, 48, 48)
    assert torch.allclose(colour(grey.expand(-1, 3, -1, -1)), donor(grey), atol=1e-4)


def test_hub_weights_from_the_local_cache(workspace, tmp_path, monkeypatch):
    """As they lie there after a download; nothing is fetched."""
    import timm
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    donor = timm.create_model("test_resnet", num_classes=1000, in_chans=3)
    name = donor.pretrained_cfg["hf_hub_id"].replace("/", "--")
    commit = "0" * 40
    folder = tmp_path / f"models--{name}"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    save_file(donor.state_dict(), folder / "snapshots" / commit / "model.safetensors")
    model = build("timm/test_resnet", input_size=(64, 64))
    report = load_pretrained(model, "hub", workspace)
    assert report.adapted == ("backbone.conv1.0.weight",)
    assert torch.equal(model.backbone.layer1[0].conv1.weight, donor.layer1[0].conv1.weight)


def test_weights_of_another_network_are_refused(workspace, tmp_path):
    save_file(build("plain_cnn").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="another architecture"):
        load_pretrained(build(), str(tmp_path / "other.safetensors"), workspace)
    with pytest.raises(CheckpointError, match="another architecture"):
        load_pretrained(
            build("timm/test_resnet", input_size=(64, 64)), str(tmp_path / "other.safetensors"), workspace
        )


class Payload:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled(workspace, tmp_path, capsys):
    torch.save({"weights": Payload()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="state_dict"):
        read_state_dict(tmp_path / "evil.pt")
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04N."])
def test_damaged_files(tmp_path, content):
    for suffix in (".pt", ".safetensors"):
        (tmp_path / f"bad{suffix}").write_bytes(content)
        with pytest.raises(CheckpointError, match="bad"):
            read_state_dict(tmp_path / f"bad{suffix}")


def test_what_is_not_there(workspace):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_pretrained(build(), "/nowhere/weights.safetensors", workspace)
    with pytest.raises(CheckpointError, match="no checkpoint 'nobody'"):
        load_pretrained(build(), "nobody", workspace)
    with pytest.raises(ConfigError, match="timm/resnet18"):
        load_pretrained(build(), "hub", workspace)


def test_offline_the_message_names_file_and_flag(workspace, monkeypatch):
    import timm

    def refuse(*arguments, **options):
        raise OSError("no network here")

    model = build("timm/test_resnet", input_size=(64, 64))
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(CheckpointError, match=r"huggingface.co/timm/test_resnet.*--transfer.weights"):
        load_pretrained(model, "hub", workspace)
