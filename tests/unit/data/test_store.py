import json

import numpy as np
import pandas as pd
import pytest

from fer_core.data.store import (
    VOTE_COLUMNS,
    list_datasets,
    load_dataset,
    load_dataset_info,
    write_dataset,
)
from fer_core.errors import DataError, FerError


def make_samples(count=6, **changes):
    samples = pd.DataFrame(
        {
            "split": ["train", "valid", "test"] * (count // 3),
            "label": (["anger", "fear"] * count)[:count],
            "source": [f"row {index}" for index in range(count)],
            "image_name": "",
        }
    )
    return samples.assign(**changes)


def write(folder, *, images=None, samples=None, classes=("anger", "fear"), replace=False):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 48, 48), dtype=np.uint8) if images is None else images
    samples = make_samples(len(images)) if samples is None else samples
    return write_dataset(
        folder,
        images=images,
        samples=samples,
        classes=classes,
        importer="test",
        source="here",
        replace=replace,
    )


@pytest.mark.parametrize("shape", [(6, 48, 48), (6, 66, 88), (6, 32, 24, 3)])
def test_round_trip(tmp_path, shape):
    images = np.arange(np.prod(shape), dtype=np.uint64).astype(np.uint8).reshape(shape)
    info = write(tmp_path / "set", images=images)
    data = load_dataset(tmp_path / "set")
    assert data.info == info == load_dataset_info(tmp_path / "set")
    assert (data.images == images).all()
    assert isinstance(data.images, np.memmap)
    assert not data.images.flags.writeable
    assert data.split_indices("valid").tolist() == [1, 4]
    assert info.split_counts == {"train": 2, "valid": 2, "test": 2}
    assert info.color == ("rgb" if len(shape) == 4 else "gray")


def test_fingerprint_is_of_pixels_and_samples(tmp_path):
    first = write(tmp_path / "a").fingerprint
    assert write(tmp_path / "b").fingerprint == first
    assert write(tmp_path / "c", samples=make_samples(label="anger")).fingerprint != first
    images = np.zeros((6, 48, 48), np.uint8)
    assert write(tmp_path / "d", images=images).fingerprint != first


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"images": np.zeros((0, 48, 48), np.uint8), "samples": make_samples(6)}, "N >= 1"),
        ({"images": np.zeros((6, 48, 48), np.float32)}, "float32"),
        ({"images": np.zeros((6, 48, 48, 4), np.uint8)}, "uint8"),
        ({"samples": make_samples(3 * 4)}, "12 sample rows"),
        ({"samples": make_samples().drop(columns="source")}, "source"),
        ({"samples": make_samples(split="dev")}, "dev"),
        ({"samples": make_samples(label="joy")}, "joy"),
        ({"samples": make_samples(**{VOTE_COLUMNS[0]: 3})}, "votes_"),
        ({"classes": ("anger",)}, "two or more"),
        ({"classes": ("anger", "anger")}, "distinct"),
    ],
)
def test_inconsistent_data_writes_nothing(tmp_path, arguments, match):
    with pytest.raises(DataError, match=match):
        write(tmp_path / "set", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_needs_replace(tmp_path):
    write(tmp_path / "set")
    with pytest.raises(FerError, match="exists already"):
        write(tmp_path / "set")
    write(tmp_path / "set", images=np.zeros((3, 48, 48), np.uint8), replace=True)
    assert load_dataset(tmp_path / "set").info.num_images == 3
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_unknown_split_lists_those_there_are(tmp_path):
    write(tmp_path / "set", samples=make_samples(split="train"))
    with pytest.raises(DataError, match=r"no split 'valid'.*train \(6\)"):
        load_dataset(tmp_path / "set").split_indices("valid")


def damage_images(folder):
    path = folder / "images.npy"
    path.write_bytes(path.read_bytes()[:1000])


def damage_samples(folder):
    (folder / "samples.parquet").write_bytes(b"PAR1nonsense")


def pickle_images(folder):
    np.save(folder / "images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def swap_images(folder):
    np.save(folder / "images.npy", np.zeros((3, 48, 48), np.uint8))


def future_schema(folder):
    value = json.loads((folder / "dataset.json").read_text()) | {"schema_version": 99}
    (folder / "dataset.json").write_text(json.dumps(value))


def unknown_field(folder):
    value = json.loads((folder / "dataset.json").read_text()) | {"colour": "gray"}
    (folder / "dataset.json").write_text(json.dumps(value))


def no_json(folder):
    (folder / "dataset.json").write_text("{")


@pytest.mark.parametrize(
    "damage",
    [damage_images, damage_samples, pickle_images, swap_images, future_schema, unknown_field, no_json],
)
def test_damage_is_a_clear_error(tmp_path, damage):
    write(tmp_path / "set")
    damage(tmp_path / "set")
    with pytest.raises(DataError, match="set"):
        load_dataset(tmp_path / "set")


def edit_kind(folder, kind):
    value = json.loads((folder / "dataset.json").read_text())
    assert value.pop("kind") == "image"
    (folder / "dataset.json").write_text(json.dumps(value | ({"kind": kind} if kind else {})))


def test_a_data_set_without_a_kind_is_of_images(tmp_path):
    write(tmp_path / "set")
    edit_kind(tmp_path / "set", None)
    assert load_dataset(tmp_path / "set").info.kind == "image"


def test_an_unknown_kind_is_told(tmp_path):
    write(tmp_path / "set")
    edit_kind(tmp_path / "set", "smell")
    with pytest.raises(DataError, match="kind is 'smell'; this version reads image"):
        load_dataset(tmp_path / "set")


def test_listing_leaves_out_what_is_damaged(workspace):
    write(workspace.dataset("good"))
    write(workspace.dataset("bad"))
    no_json(workspace.dataset("bad"))
    assert [info.name for info in list_datasets(workspace)] == ["good"]
    with pytest.raises(DataError, match="fer import"):
        load_dataset(workspace.dataset("absent"))
