import json

import pytest
import torch

from fer_core.checkpoint import (
    DEFAULT_CHECKPOINT,
    CheckpointInfo,
    InputSpec,
    default_checkpoint,
    find_checkpoint,
    list_checkpoints,
    load_checkpoint_info,
    verify_weights,
)
from fer_core.errors import CheckpointError
from fer_core.models import build_model, count_parameters, load_checkpoint, save_checkpoint
from fer_core.workspace import Workspace

ARGUMENTS = {"stem_width": 8, "widths": "8-16", "depths": "1-1"}


def make(folder, *, seed=0, classes=("anger", "fear", "neutral"), arguments=ARGUMENTS, **changes):
    torch.manual_seed(seed)
    model = build_model("fer_resnet", num_classes=len(classes), arguments=arguments)
    info = CheckpointInfo(
        name="tiny",
        architecture="fer_resnet",
        arguments=arguments,
        classes=classes,
        input=InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,)),
        weights_sha256="0" * 64,
        num_parameters=0,
        **changes,
    )
    return model, save_checkpoint(folder, model, info)


def test_round_trip(tmp_path):
    model, info = make(tmp_path / "model", temperature=1.5)
    loaded, loaded_info = load_checkpoint(tmp_path / "model")
    assert loaded_info == info
    assert not loaded.training
    batch = torch.rand(2, 1, 48, 48)
    assert torch.equal(loaded(batch), model.eval()(batch))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == sorted(
        [info.weights_file, "model.json"]
    )


def test_a_description_without_a_kind_is_of_images(tmp_path):
    make(tmp_path / "model")
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    assert description["input"].pop("kind") == "image"
    edit(tmp_path / "model", input=description["input"])
    assert load_checkpoint(tmp_path / "model")[1].input.kind == "image"


def test_branches_that_only_training_needs_are_folded(tmp_path):
    arguments = ARGUMENTS | {"convolutions": "repvgg"}
    model, _ = make(tmp_path / "model", arguments=arguments)
    batch = torch.rand(4, 1, 48, 48)
    for _ in range(3):  # statistics of their own for every branch
        model.train()(batch)
    trained = model.eval()(batch)
    save_checkpoint(tmp_path / "model", model, load_checkpoint_info(tmp_path / "model"))
    folded, info = load_checkpoint(tmp_path / "model")
    plain = build_model("fer_resnet", num_classes=3, arguments=ARGUMENTS)
    num_convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in folded.modules())
    assert num_convolutions == sum(isinstance(module, torch.nn.Conv2d) for module in plain.modules())
    assert count_parameters(folded) < count_parameters(plain) < info.num_parameters
    torch.testing.assert_close(folded(batch), trained, rtol=1e-4, atol=1e-5)


def test_saving_again_exchanges_the_whole(tmp_path):
    _, first = make(tmp_path / "model", seed=0)
    _, second = make(tmp_path / "model", seed=1)
    assert first.weights_sha256 != second.weights_sha256
    assert load_checkpoint(tmp_path / "model")[1] == second
    assert len(list((tmp_path / "model").iterdir())) == 2


def test_a_crash_between_the_files_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    _, first = make(tmp_path / "model", seed=0)

    def crash(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("fer_core.models.checkpoint_files.save_checkpoint_info", crash)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "model", seed=1)
    assert load_checkpoint(tmp_path / "model")[1] == first


def edit(folder, **changes):
    value = json.loads((folder / "model.json").read_text())
    for key, item in changes.items():
        if item is None:
            del value[key]
        else:
            value[key] = item
    (folder / "model.json").write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"schema_version": 9}, "schema_version 9"),
        ({"classes": None}, "classes"),
        ({"classes": ["anger", "anger", "fear"]}, "distinct"),
        ({"classes": ["anger", "fear"]}, "does not fit"),
        ({"architecture": "fer_resnets"}, "Did you mean 'fer_resnet'"),
        ({"architecture": "vgg13", "arguments": {}}, "does not fit"),
        ({"arguments": {"widths": ["8"]}}, r"widths is \['8'\]; expected str"),
        ({"weights_sha256": "1" * 64}, "missing"),
        ({"weights_sha256": "../../etc/passwd"}, "SHA-256"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "hot"}, "temperature|does not describe"),
        ({"input": {"height": 48}}, r"missing required field `width` - at `\$\.input`"),
        ({"input": {"height": 48, "width": 48, "color": "bgr", "mean": [0.5], "std": [0.2]}}, "bgr"),
        ({"input": {"height": 48, "width": 48, "color": "gray", "mean": [0.5], "std": [0]}}, "std"),
        ({"input": {"kind": "smell", "rate": 16_000}}, "input.kind is 'smell'; this version reads image"),
        ({"input": {"height": 10**9, "width": 48, "color": "gray", "mean": [0.5], "std": [1]}}, "sides"),
        ({"surprise": 1}, "does not describe"),
    ],
)
def test_a_wrong_description_is_refused(tmp_path, changes, match):
    make(tmp_path / "model")
    edit(tmp_path / "model", **changes)
    with pytest.raises(CheckpointError, match=match):
        load_checkpoint(tmp_path / "model")


def test_exchanged_weights_fail_the_checksum(tmp_path):
    _, info = make(tmp_path / "model")
    _, other = make(tmp_path / "other", seed=1)
    (tmp_path / "other" / other.weights_file).replace(tmp_path / "model" / info.weights_file)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_checkpoint(tmp_path / "model")


def test_weights_that_are_gone_or_no_file(tmp_path):
    _, info = make(tmp_path / "model")
    path = tmp_path / "model" / info.weights_file
    path.unlink()
    with pytest.raises(CheckpointError, match="is missing"):
        load_checkpoint(tmp_path / "model")
    path.mkdir()
    with pytest.raises(CheckpointError, match="can't be read: Is a directory"):
        load_checkpoint(tmp_path / "model")


def test_a_checkpoint_that_is_replaced_after_its_description_was_read(tmp_path, monkeypatch):
    """The weights of the first are gone when they are opened; what is loaded then is the second."""
    _, first = make(tmp_path / "model")

    def replace_first(folder, info):
        monkeypatch.undo()
        make(tmp_path / "model", seed=1)
        return verify_weights(folder, info)

    monkeypatch.setattr("fer_core.models.checkpoint_files.verify_weights", replace_first)
    _, loaded = load_checkpoint(tmp_path / "model")
    assert loaded.weights_sha256 != first.weights_sha256


@pytest.mark.parametrize("content", [b"", b"\x80\x04not a pickle", b"\xff" * 64])
def test_weights_that_are_no_safetensors(tmp_path, content):
    """Even with a matching checksum nothing but safetensors is read."""
    import hashlib

    _, info = make(tmp_path / "model")
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "model" / info.weights_file).unlink()
    (tmp_path / "model" / f"model-{digest[:12]}.safetensors").write_bytes(content)
    edit(tmp_path / "model", weights_sha256=digest)
    with pytest.raises(CheckpointError, match="safetensors"):
        load_checkpoint(tmp_path / "model")


@pytest.mark.parametrize("text", ["", "{", "[]", "nul", '{"schema_version": 1}'])
def test_json_that_is_none(tmp_path, text):
    make(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_text(text)
    with pytest.raises(CheckpointError):
        load_checkpoint_info(tmp_path / "model")


def test_the_default_model_comes_first_whatever_it_is_called(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(Workspace, "checkpoints", property(lambda self: tmp_path / "shipped"))
    for name in ("aaa", DEFAULT_CHECKPOINT, "zzz"):
        make(workspace.checkpoints / name)
    assert [entry.key for entry in list_checkpoints(workspace)] == [DEFAULT_CHECKPOINT, "aaa", "zzz"]
    assert default_checkpoint(workspace).key == DEFAULT_CHECKPOINT


def test_finding_and_listing(workspace, tmp_path):
    make(workspace.runs / "20260101-a" / "best")
    make(workspace.runs / "20260102-b" / "best")
    make(workspace.runs / "20260103-broken" / "best")
    (workspace.runs / "20260103-broken" / "best" / "model.json").write_text("{")
    keys = [entry.key for entry in list_checkpoints(workspace)]
    assert keys[-2:] == ["20260102-b/best", "20260101-a/best"]
    for reference in ("20260101-a", "20260101-a/best", str(workspace.runs / "20260101-a" / "best")):
        assert find_checkpoint(reference, workspace).folder == workspace.runs / "20260101-a" / "best"
    with pytest.raises(CheckpointError, match="JSON"):
        find_checkpoint("20260103-broken", workspace)
    with pytest.raises(CheckpointError, match="20260102-b/best"):
        find_checkpoint("nothing", workspace)
