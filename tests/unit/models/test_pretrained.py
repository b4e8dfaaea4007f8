"""Starting from weights that were trained before."""

import pytest
import torch
from safetensors.torch import save_file

from fer_core.errors import CheckpointError, ConfigError
from fer_core.models import build_model
from fer_core.models.pretrained import load_pretrained, read_state_dict
from tests.small_models import SMALL_NETWORK, save_small_model


def build(name="fer_resnet", **settings):
    arguments = settings.pop("arguments", SMALL_NETWORK if name == "fer_resnet" else None)
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


def widen(state, model, double):
    """`state` with every channel twice, as the layers behind expect: what comes out is the same.

    Args:
        state: of the narrow network.
        model: the wide one.
        double: turns a narrow tensor into a wide one along a dimension, or None where it is a usual one.
    """
    wide = {}
    for key, own in model.state_dict().items():
        item = state[key]
        for dim, (before, after) in enumerate(zip(item.shape[:2], own.shape[:2], strict=False)):
            if before != after:
                special = double(key, item, dim)
                item = item.repeat_interleave(2, dim) if special is None else special
                if dim == 1:
                    item = item / 2
        wide[key] = item.clone()
    return wide


def test_columns_behind_a_flattened_picture_are_narrowed_by_channel(workspace, tmp_path):
    narrow, wide = (
        build("plain_cnn", input_size=(48, 48), arguments={"widths": widths, "dense": dense})
        for widths, dense in (("8-8", 8), ("16-16", 16))
    )

    def double(key, item, dim):
        if (key, dim) == ("dense.1.weight", 1):
            return item.unflatten(1, (8, -1)).repeat_interleave(2, 1).flatten(1)
        return None

    state = widen(narrow.state_dict(), wide, double)
    save_file(state, tmp_path / "wide.safetensors")
    model = build("plain_cnn", input_size=(48, 48), arguments={"widths": "8-8", "dense": 8})
    assert load_pretrained(model, str(tmp_path / "wide.safetensors"), workspace).fresh == ()
    ours = model.state_dict()["dense.1.weight"]
    # Of every pair of equal channels one is kept, with all of its 144 places.
    assert torch.equal(ours, narrow.state_dict()["dense.1.weight"] / 2)
    other = build("plain_cnn", input_size=(24, 24), arguments={"widths": "8-8", "dense": 8})
    with pytest.raises(CheckpointError, match="another architecture"):
        load_pretrained(other, str(tmp_path / "wide.safetensors"), workspace)


def test_queries_keys_and_values_keep_the_same_channels(workspace, tmp_path):
    wide, model = (
        build("vit", input_size=(48, 48), arguments={"width": width, "depth": 1, "num_heads": 2})
        for width in (32, 16)
    )
    state = wide.state_dict()
    rows = torch.arange(96.0)
    state["blocks.0.attn.qkv.bias"] = rows
    save_file(state, tmp_path / "wide.safetensors")
    load_pretrained(model, str(tmp_path / "wide.safetensors"), workspace)
    queries, keys, values = model.state_dict()["blocks.0.attn.qkv.bias"].view(3, 16)
    assert torch.equal(keys, queries + 32) and torch.equal(values, queries + 64)
    kept = queries.long()
    assert torch.equal(model.norm.weight, state["norm.weight"][kept])
    projected = "blocks.0.attn.proj.weight"
    assert torch.equal(model.state_dict()[projected], state[projected][kept][:, kept])


def test_mean_and_deviation_of_a_voice_keep_the_same_channels(workspace, tmp_path):
    wide, model = (build("voice_cnn", arguments={"widths": f"8-{width}"}) for width in (16, 8))
    state = wide.state_dict()
    state["classifier.weight"] = torch.arange(32.0).repeat(8, 1)
    save_file(state, tmp_path / "wide.safetensors")
    load_pretrained(model, str(tmp_path / "wide.safetensors"), workspace)
    means, deviations = model.classifier.weight[0].view(2, 8)
    assert torch.equal(deviations, means + 16)


@pytest.mark.parametrize(
    "own", [{"widths": "8-12", "depths": "1-1"}, {"widths": "8-12-12", "depths": "1-1-1"}]
)
def test_a_classifier_stays_where_it_sees_what_it_saw(workspace, tmp_path, own):
    """Behind one stage fewer, values of the same number mean something else."""
    donor = build(arguments={"stem_width": 6, "widths": "8-12-12", "depths": "1-1-1"})
    save_file(donor.state_dict(), tmp_path / "deep.safetensors")
    model = build(arguments={"stem_width": 6, **own})
    report = load_pretrained(model, str(tmp_path / "deep.safetensors"), workspace)
    is_same = own["widths"] == "8-12-12"
    assert set(report.fresh) == (set() if is_same else {"classifier.weight", "classifier.bias"})


def test_of_a_classifier_no_part_is_taken_over(workspace, tmp_path):
    donor, model = build(), build()
    donor.attach_embedding(16, normalise=False)
    save_file(donor.state_dict(), tmp_path / "embedding.safetensors")
    report = load_pretrained(model, str(tmp_path / "embedding.safetensors"), workspace)
    assert set(report.fresh) == {"classifier.weight", "classifier.bias"}
