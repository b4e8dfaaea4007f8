"""Bringing in a model: what is taken, and everything that is refused without leaving a trace."""

import json
import stat
import zipfile

import pytest
from safetensors.torch import load_file

from fer_core.checkpoint import INFO_FILE, find_checkpoint, list_checkpoints, load_checkpoint_info
from fer_core.errors import CheckpointError, ConfigError
from fer_core.exchange import unpack
from fer_core.exchange.model_import import import_model
from fer_core.models import load_checkpoint

GRAY = {"height": 48, "width": 48, "color": "gray", "mean": [0.5], "std": [0.25]}


def _weights(folder):
    return folder / load_checkpoint_info(folder).weights_file


def _refuse(workspace, sources, words, *, name="friend"):
    with pytest.raises((CheckpointError, ConfigError), match=words):
        import_model(sources, workspace, name=name)
    assert not workspace.models.exists() or list(workspace.models.iterdir()) == []


def test_a_folder_comes_in_under_another_name_and_predicts_the_same(model_folder, workspace):
    steps = []
    done = import_model([model_folder], workspace, name="friend", on_step=steps.append)
    assert done.entry.key == "friend" and done.ignored == ()
    assert len(steps) == 3
    info = find_checkpoint("friend", workspace).info
    assert (info.name, info.origin["imported_from"]) == ("friend", "foreign")
    before, after = (load_checkpoint(folder)[0].state_dict() for folder in (model_folder, done.entry.folder))
    assert all((before[key] == after[key]).all() for key in before)
    assert "friend" in [entry.key for entry in list_checkpoints(workspace)]
    assert sorted(path.name for path in workspace.models.iterdir()) == ["friend"]


def test_a_zip_with_a_folder_and_other_files_comes_in_and_says_what_was_left(model_folder, workspace, zip_up):
    weights = _weights(model_folder)
    members = {
        "thing/model.json": model_folder / INFO_FILE,
        f"thing/{weights.name}": weights,
        "thing/MODEL_CARD.md": b"\xef\xbb\xbf# hello\r\n",
        "thing/notes.txt": b"x",
        "thing/.DS_Store": b"x",
        "README.md": b"x",
    }
    done = import_model([zip_up(members)], workspace)
    assert done.entry.key == "made", "what it calls itself"
    assert done.ignored == ("notes.txt",)
    assert (done.entry.folder / "MODEL_CARD.md").read_text() == "# hello\n"
    assert not (done.entry.folder / "notes.txt").exists()


def test_the_two_files_are_enough(model_folder, workspace):
    done = import_model([_weights(model_folder), model_folder / INFO_FILE], workspace, name="two")
    assert load_checkpoint(done.entry.folder)[1].num_parameters > 0


def test_the_number_of_parameters_is_counted_not_believed(model_folder, workspace, edit_info):
    right = load_checkpoint_info(model_folder).num_parameters
    edit_info(num_parameters=7)
    assert import_model([model_folder], workspace, name="friend").entry.info.num_parameters == right


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 99}, "schema_version 99"),
        ({"architecture": "fer_resent"}, "Did you mean"),
        ({"architecture": "timm/hf-hub:someone/model"}, "timm has no backbone"),
        ({"architecture": "a\nb"}, "printable"),
        (
            {"arguments": {"stem_width": 8, "widths": "8-8-8", "depths": "1-1-1", "evil": 1}},
            "no argument 'evil'",
        ),
        ({"arguments": {"stem_width": 8, "widths": "8-8-16", "depths": "1-1-1"}}, "does not fit"),
        ({"arguments": {"widths": "8192-8192-8192", "depths": "9-9-9"}}, "does not fit"),
        ({"classes": ["a", "b"]}, "does not fit"),
        ({"classes": "happiness"}, r"got `str` - at `\$\.classes`"),
        ({"classes": lambda old: [*old[:-1], old[0]]}, "distinct"),
        ({"classes": lambda old: [*old[:-1], "con\u202etempt"]}, "class name"),
        ({"classes": lambda old: [*old[:-1], 5]}, r"got `int` - at `\$\.classes\[7\]`"),
        ({"classes": lambda old: [*old[:-1], "x" * 500]}, "class name"),
        ({"num_parameters": "many"}, r"got `str` - at `\$\.num_parameters`"),
        *(({"temperature": value}, "temperature") for value in (0, -1, 1e-320, 1e-30, 1e308)),
        *(({"input": {**GRAY, "std": [value]}}, "std") for value in (0.0, 1e-300, 1e-30, 1e308)),
        *(({"input": {**GRAY, "mean": [value]}}, "mean") for value in (1e308, -1e30, 255)),
        ({"weights_sha256": "0" * 64}, "another model"),
        ({"data": {"name": "../../etc"}}, "data.name is unsafe"),
        ({"metrics": [{"accuracy": 87.2}]}, "a fraction from 0 to 1"),
        ({"metrics": [{"protocol": ["x"]}]}, "expected a number or a text"),
        ({"data": {"note": ["x" * 1000] * 1000}}, "expected a few thousand"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_description_that_is_not_as_it_should_be(model_folder, workspace, edit_info, changes, words):
    edit_info(**changes)
    _refuse(workspace, [model_folder], words)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_weights_that_answer_with_no_number(model_folder, workspace, exchange_weights, value):
    """The last: finite itself, and beyond float32 in the sum."""
    tensors = load_file(_weights(model_folder))
    name = next(name for name in tensors if name.endswith("weight") and tensors[name].ndim == 2)
    tensors[name][:] = value
    exchange_weights(tensors)
    _refuse(workspace, [model_folder], "NaN or infinity")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, ""])
def test_a_description_that_is_no_json_object(model_folder, workspace, text):
    (model_folder / INFO_FILE).write_text(text)
    _refuse(workspace, [model_folder], "JSON")


@pytest.mark.parametrize("name", ["../friend", "a/b", ".hidden", "", "x" * 200, "friend\n"])
def test_a_name_that_leads_elsewhere(model_folder, workspace, edit_info, name):
    edit_info(name=name)
    with pytest.raises(CheckpointError, match="calls itself"):
        import_model([model_folder], workspace)
    if name:
        _refuse(workspace, [model_folder], "can't be the name", name=name)


@pytest.mark.parametrize("parent", ["models", "runs"])
def test_nothing_is_overwritten(model_folder, workspace, parent):
    taken = getattr(workspace, parent) / "friend"
    taken.mkdir(parents=True)
    (taken / "mine").write_text("kept")
    with pytest.raises(CheckpointError, match="already"):
        import_model([model_folder], workspace, name="friend")
    assert (taken / "mine").read_text() == "kept"
    with pytest.raises(CheckpointError, match="a shipped model"):
        import_model([model_folder], workspace, name="fer-small")


def test_weights_of_another_network_or_none(model_folder, workspace, exchange_weights):
    tensors = load_file(_weights(model_folder))
    first = next(iter(tensors))
    new = exchange_weights({key: value for key, value in tensors.items() if key != first})
    _refuse(workspace, [model_folder], f"lacks {first}")
    new.unlink()
    _refuse(workspace, [model_folder], "there are model.json; ask for both|MODEL_CARD")


def test_weights_of_another_type(model_folder, workspace, exchange_weights):
    tensors = load_file(_weights(model_folder))
    exchange_weights({key: value.double() for key, value in tensors.items()})
    _refuse(workspace, [model_folder], "F64")


def test_half_precision_weights_are_widened(model_folder, workspace, exchange_weights):
    tensors = load_file(_weights(model_folder))
    exchange_weights(
        {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
    )
    network, _ = load_checkpoint(import_model([model_folder], workspace, name="half").entry.folder)
    assert {str(item.dtype) for item in network.parameters()} == {"torch.float32"}


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0{}      ", b"PK\3\4 a pickle"])
def test_weights_that_are_no_safetensors(model_folder, workspace, edit_info, content):
    import hashlib

    _weights(model_folder).write_bytes(content)
    edit_info(weights_sha256=hashlib.sha256(content).hexdigest())
    _refuse(workspace, [model_folder], "safetensors|does not fit")


def test_a_truncated_file_is_told_by_its_checksum(model_folder, workspace):
    weights = _weights(model_folder)
    weights.write_bytes(weights.read_bytes()[:-100])
    _refuse(workspace, [model_folder], "damaged")


@pytest.mark.parametrize("name", ["../model.json", "/etc/model.json", "C:/model.json", "a\\..\\model.json"])
def test_a_zip_that_would_write_elsewhere(model_folder, workspace, zip_up, name):
    _refuse(workspace, [zip_up({name: b"{}"})], "unsafe path")


def test_a_link_in_a_zip(workspace, tmp_path):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("model.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    _refuse(workspace, [path], "link")


def test_bombs(model_folder, workspace, zip_up):
    zeros = bytes(unpack._RATIO_FREE_BYTES + 1)
    members = {"model.json": model_folder / INFO_FILE, "model.safetensors": zeros}
    _refuse(workspace, [zip_up(members, pack=True)], "unpacks to more than")
    _refuse(
        workspace, [zip_up({"model.json": b" " * (unpack.MAX_JSON_BYTES + 1)}, pack=True)], "unpacks to more"
    )
    _refuse(workspace, [zip_up({f"{index}.txt": b"" for index in range(1001)})], "1,001 files")


def test_a_damaged_zip(model_folder, workspace, zip_up):
    path = zip_up({"model.json": (model_folder / INFO_FILE).read_bytes()})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    _refuse(workspace, [path], "can't be unpacked")


def test_two_models_in_one_zip(model_folder, workspace, zip_up):
    _refuse(workspace, [zip_up({"a/model.json": b"{}", "b/model.json": b"{}"})], "one model only")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"model.pth": b"x"}, "can run code"),
        ({"photo.jpg": b"x"}, "saw photo.jpg"),
        ({}, "saw nothing"),
        ({"model.json": b"{}", "model.bin": b"x"}, "can run code"),
        ({"model.json": b"{}"}, "one .safetensors"),
    ],
)
def test_a_zip_without_a_model(workspace, zip_up, members, words):
    _refuse(workspace, [zip_up(members)], words)


def test_files_that_are_not_there(workspace, tmp_path):
    _refuse(workspace, [tmp_path / "absent.zip"], "does not exist")
    _refuse(workspace, [], "no file was given")


@pytest.mark.parametrize("card", [b"\xff\xfe", b"a\x00b", b"x" * 70_000])
def test_a_card_that_is_no_text(model_folder, workspace, card):
    (model_folder / "MODEL_CARD.md").write_bytes(card)
    _refuse(workspace, [model_folder], "UTF-8|control characters|more than")


def test_what_is_kept_was_written_anew(model_folder, workspace, edit_info):
    edit_info(origin={"run": "theirs", "epoch": 3})
    done = import_model([model_folder], workspace, name="friend")
    kept = json.loads((done.entry.folder / INFO_FILE).read_text())
    assert kept["origin"]["run"] == "theirs" and kept["origin"]["imported"].endswith("+00:00")
    assert stat.S_IMODE(_weights(done.entry.folder).stat().st_mode) & 0o111 == 0


def test_a_full_disk_leaves_nothing(model_folder, workspace, monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fer_core.exchange.model_import.save_checkpoint_info", fail)
    _refuse(workspace, [model_folder], "No space left on device; make room")


def test_what_a_killed_import_left_is_cleared_away_after_a_day(model_folder, workspace):
    import os
    import time

    old, new = (workspace.models / f".incoming-{name}" for name in ("old", "new"))
    for folder, age_s in ((old, 90_000), (new, 60)):
        folder.mkdir(parents=True)
        (folder / "half").write_text("x")
        os.utime(folder, (time.time() - age_s,) * 2)
    import_model([model_folder], workspace, name="friend")
    assert sorted(path.name for path in workspace.models.iterdir()) == [".incoming-new", "friend"]
