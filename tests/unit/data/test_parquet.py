import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fer_core.cli import main
from fer_core.data.importers.pictures import PictureOptions, import_pictures, resolve_mapping
from fer_core.data.importing import inspect_source
from fer_core.data.store import load_dataset
from fer_core.errors import DataError
from fer_core.images import load_image
from tests.unit.data.pictures import encode, write_tree, write_zip

NAMES = ["angry", "happy", "blorp"]


def parquet(labels, *, seed=0, names=NAMES, pictures=None, image="image", rows_a_group=4, **columns):
    """Bytes of a Parquet file as the `datasets` library writes it."""
    pictures = [encode(seed + row) for row in range(len(labels))] if pictures is None else pictures
    table = pa.table(
        {image: [{"bytes": data, "path": None} for data in pictures], "label": labels, **columns}
    )
    if names:
        facts = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(facts)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=rows_a_group)
    return sink.getvalue().to_pybytes()


def files():
    return {
        "README.md": b"# Faces",
        "data/train-00000-of-00002.parquet": parquet([0, 1] * 5),
        "data/train-00001-of-00002.parquet": parquet([1, 0, 2], seed=50),
        "data/validation-00000-of-00001.parquet": parquet([1, 0], seed=90),
    }


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_splits_and_names_come_from_the_files(tmp_path, packed):
    source = write_zip(tmp_path / "a.zip", files()) if packed else write_tree(tmp_path / "a", files())
    assert inspect_source(source).kind == "parquet"
    options = PictureOptions(width=40, height=30, color="rgb", class_map={"blorp": ""})
    report = import_pictures(source, tmp_path / "sets" / "a", options)
    assert report.info.classes == ("happiness", "anger")
    assert report.info.split_counts == {"train": 12, "valid": 2}
    data = load_dataset(tmp_path / "sets" / "a")
    last = data.samples["source"] == f"{source.name}:data/train-00000-of-00002.parquet#9"
    assert (data.images[int(np.flatnonzero(last)[0])] == load_image(encode(9))).all()
    assert data.samples["label"][int(np.flatnonzero(last)[0])] == "happiness"


def test_unknown_names_are_asked_about(tmp_path):
    scan = inspect_source(write_tree(tmp_path / "a", files())).scan
    assert scan.label_counts == {"angry": 7, "blorp": 1, "happy": 7}
    with pytest.raises(DataError, match="unknown class names 'blorp'"):
        resolve_mapping(scan)


def test_text_labels_people_and_splits_of_columns(tmp_path):
    content = parquet(
        ["Happy", "sad", "Happy", "sad"],
        names=None,
        split=["train", "test", "dev", "train"],
        subject=["p", "q", "p", "q"],
    )
    source = write_tree(tmp_path / "a", {"faces.parquet": content})
    scan = inspect_source(source).scan
    assert [(item.label, item.split, item.group) for item in scan.items] == [
        ("Happy", "train", "p"),
        ("sad", "test", "q"),
        ("Happy", "valid", "p"),
        ("sad", "train", "q"),
    ]


def test_rows_without_picture_or_label_are_skipped_and_listed(tmp_path):
    pictures = [encode(0), None, b"no picture", encode(3), encode(4)]
    source = write_tree(tmp_path / "a", {"train.parquet": parquet([0, 1, 1, None, 1], pictures=pictures)})
    report = import_pictures(source, tmp_path / "sets" / "a", PictureOptions())
    assert report.info.num_images == 2
    assert {name for name, _ in report.skipped} == {f"train.parquet#{row}" for row in (1, 2, 3)}


@pytest.mark.parametrize("color", ["gray", "rgb"])
def test_pixels_in_nested_lists_are_pictures(tmp_path, color):
    """As Array2D and Array3D of the `datasets` library are stored."""
    shape = (30, 40, 3)[: 2 if color == "gray" else 3]
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    depth = pa.list_(pa.list_(pa.uint8() if color == "gray" else pa.list_(pa.uint8(), 3)))
    content = parquet_of(pa.array(pixels.tolist(), depth))
    source = write_tree(tmp_path / "a", {"train.parquet": content})
    import_pictures(source, tmp_path / "sets" / "a", PictureOptions(width=40, height=30, color=color))
    data = load_dataset(tmp_path / "sets" / "a")
    order = [int(name.rpartition("#")[2]) for name in data.samples["source"]]
    assert (np.squeeze(data.images) == pixels[order]).all()


def parquet_of(pictures):
    """Bytes of a Parquet file with that column of pictures, of classes that are named in words."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"image": pictures, "label": ["happy", "sad", "happy"][: len(pictures)]}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["a.png", "b.png"], "image holds string; expected pictures"),
        ([[1, 2], [3, 4]], "image holds list<"),
        ([[[0.5]], [[0.25]]], "image holds list<"),
    ],
)
def test_columns_that_hold_no_pictures_are_named_before_the_import(tmp_path, values, match, capsys):
    """They ended in a TypeError."""
    source = write_tree(tmp_path / "a", {"train.parquet": parquet_of(pa.array(values))})
    with pytest.raises(DataError, match=match):
        inspect_source(source)
    assert main(["import", str(source), "--dry-run"]) == 1
    assert match in capsys.readouterr().err


def test_pixels_of_no_picture_are_skipped_and_listed(tmp_path):
    values = [[[0, 300]], [[0, 1], [2]]]  # out of range; rows of two lengths
    for number, value in enumerate(values):
        content = parquet_of(pa.array([value, *[np.full((30, 40), 9).tolist()] * 2]))
        source = write_tree(tmp_path / str(number), {"train.parquet": content})
        report = import_pictures(source, tmp_path / "sets" / str(number), PictureOptions())
        assert [name for name, _ in report.skipped] == ["train.parquet#0"]


def test_minus_one_is_no_label_and_whole_floats_are_numbers(tmp_path):
    source = write_tree(tmp_path / "a", {"train.parquet": parquet([0.0, -1.0, None, float("nan"), 1.0])})
    scan = inspect_source(source).scan
    assert [(item.path, item.label) for item in scan.items] == [
        ("train.parquet#0", "angry"),
        ("train.parquet#4", "happy"),
    ]
    assert scan.skipped == tuple((f"train.parquet#{row}", "has no label") for row in (1, 2, 3))
    source = write_tree(tmp_path / "b", {"train.parquet": parquet([0, -1, 1])})
    assert inspect_source(source).scan.label_counts == {"angry": 1, "happy": 1}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"PAR1 and nothing else", "can't be read as Parquet"),
        (parquet([0, 1])[:-30], "can't be read as Parquet"),
        (parquet([0, 7]), "label 7; the file names classes 0 to 2"),
        (parquet([0, 1], image="pixels_of_it"), "no pictures or sound in class folders"),
    ],
)
def test_bad_files_leave_nothing(tmp_path, content, match):
    source = write_tree(tmp_path / "a", {"train.parquet": content})
    with pytest.raises(DataError, match=match):
        import_pictures(source, tmp_path / "sets" / "a", PictureOptions())
    assert not (tmp_path / "sets" / "a").exists()


def test_a_file_alone_is_read(tmp_path):
    """It was taken for a table of pixels."""
    source = write_tree(tmp_path / "a", {"train.parquet": parquet([0, 1])}) / "train.parquet"
    assert inspect_source(source).kind == "parquet"
    assert import_pictures(source, tmp_path / "sets" / "a", PictureOptions()).info.num_images == 2


def test_further_columns_are_kept_if_they_are_words_or_numbers(tmp_path):
    content = parquet([0, 1] * 5, age=[20, None] * 5, camera=["a"] * 10, points=[[1, 2]] * 10)
    source = write_tree(tmp_path / "a", {"all.parquet": content})
    import_pictures(source, tmp_path / "sets" / "a", PictureOptions())
    samples = load_dataset(tmp_path / "sets" / "a").samples
    assert list(samples.columns[4:]) == ["age", "camera"]
    assert sorted(samples["age"]) == ["", "", "", "", "", "20", "20", "20", "20", "20"]
