"""What data sets are imported from: tables, votes, lists, folders, Parquet, zip and tar."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer_core.data.importers.choosing import find_source
from fer_core.data.importers.fer2013 import CSV_NAMES, import_fer2013
from fer_core.data.importers.people import group_by
from fer_core.data.importers.pictures import resolve_mapping, resolve_splits
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.store import load_dataset
from fer_core.exchange.unpack import stage_files
from fer_core.labels import FERPLUS_COLUMNS
from tests.fuzz.harness import MemoryTree, attempt, damaged, inputs

PIXELS = " ".join(str(value % 256) for value in range(48 * 48))


def _faces(header: str = "emotion,pixels,Usage", usage: str = "Training") -> bytes:
    rows = [f'{label},"{PIXELS}",{usage}' for label in (0, 3, 6)]
    return "\r\n".join([header, *rows, f"3,{PIXELS},PublicTest"]).encode()


VOTES = "\n".join(
    [
        ",".join(["Usage", "Image name", *FERPLUS_COLUMNS]),
        *(f"Training,fer{row}.png,{','.join(str(row + column) for column in range(10))}" for row in range(3)),
        f"PublicTest,,{','.join(['0'] * 10)}",
    ]
).encode()


def _picture(kind: str = "PNG", shade: int = 100) -> bytes:
    stream = io.BytesIO()
    pixels = np.add.outer(np.arange(24), np.arange(24)).astype(np.uint8) + shade
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


PICTURES = {
    f"train/{name}/{index}.png": _picture(shade=20 * index) for name in ("happy", "sad") for index in range(3)
}
TABLE = b"path,label,split,x,y,width,height\n" + b"".join(
    f"{name},{name.split('/')[1]},{'train' if index % 3 else 'valid'},1,2,10,12\n".encode()
    for index, name in enumerate(PICTURES)
)
LIST = b"".join(
    f"{'train' if index else 'test'}_{index}.png {label}\n".encode() for index, label in enumerate("455")
)


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def _tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _parquet(compression: str = "snappy") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = [{"bytes": data, "path": name} for name, data in PICTURES.items()]
    table = pa.table({"image": pictures, "label": [0, 0, 0, 1, 1, 1], "split": ["train"] * 6})
    names = b'{"info": {"features": {"label": {"names": ["happy", "sad"]}}}}'
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"huggingface": names}), stream, compression=compression)
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def _import(parser: str, source: Path, folder: Path) -> None:
    """Look into a source and import it, as the page does; what is refused leaves nothing."""
    target = folder / "sets" / "made"

    def work():
        found = inspect_source(source)
        return import_source(found, target, replace=True)

    def check(report):
        dataset = load_dataset(target)
        assert len(dataset.images) == report.info.num_images > 0

    attempt(parser, work, check=check)
    assert [path.name for path in target.parent.glob("*") if path.name not in ("made", ".made.lock")] == []


@given(data=damaged(_faces(), _faces("emotion, Usage, pixels".replace("Usage, pixels", "pixels, Usage"))))
@inputs()
def test_fer2013_csv(folder, data):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / "fer2013.csv"
    path.write_bytes(data)
    _import("fer2013.csv", path, folder)


@given(data=damaged(_zip({"fer2013.csv": _faces()}), _tar({"fer2013/fer2013.csv": _faces()})))
@inputs()
def test_fer2013_in_an_archive(folder, data):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / "fer2013.zip"
    path.write_bytes(data)
    _import("fer2013 in zip or tar", path, folder)


@given(data=damaged(VOTES))
@inputs()
def test_votes(folder, data):
    faces, votes = folder / CSV_NAMES[0], folder / "votes.csv"
    faces.write_bytes(_faces())
    votes.write_bytes(data)
    attempt("votes", lambda: import_fer2013(faces, folder / "voted" / "made", votes=votes, replace=True))
    assert [
        path.name for path in (folder / "voted").glob("*") if path.name not in ("made", ".made.lock")
    ] == []


@given(data=damaged(_zip(PICTURES), _zip(PICTURES, zipfile.ZIP_STORED), _tar(PICTURES), _tar(PICTURES, "w")))
@inputs()
def test_archives_of_pictures(folder, data):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / "pictures.zip"
    path.write_bytes(data)
    _import("pictures in zip or tar", path, folder)


FOLDERS = st.lists(
    st.one_of(
        st.sampled_from(
            ("train", "eval", "testset", "public_test", "happy", "not happy", "4", "images", "P001")
        ),
        st.text(max_size=8).filter(lambda name: "/" not in name),
    ),
    max_size=4,
)


@given(
    folders=st.lists(FOLDERS, max_size=6),
    numbers=st.one_of(st.text(max_size=5), st.sampled_from(("affectnet", "raf-db", ""))),
    split_map=st.dictionaries(st.text(max_size=8), st.sampled_from(("train", "test", "", "x")), max_size=2),
    rule=st.one_of(
        st.text(max_size=20), st.sampled_from(("", "(", r"(\d)", "a{99999999999}", "()", r"(?P<a>.)"))
    ),
)
@inputs()
def test_questions_and_answers(folder, folders, numbers, split_map, rule):
    names = [
        "/".join([*(name for name in parts if name), f"{index}.png"]) for index, parts in enumerate(folders)
    ]
    files = {**PICTURES, **{name: _picture(shade=10 * index) for index, name in enumerate(names)}}
    tree = MemoryTree(files)

    scan = find_source(tree, Path("memory")).scan
    attempt("answers about classes", lambda: resolve_mapping(scan, numbers=numbers))
    attempt("answers about splits", lambda: resolve_splits(scan, split_map))
    attempt("rules for groups", lambda: group_by(scan, rule))


NAMES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(("../x/happy/1.png", "/etc/happy/1.png", "happy/..", "a\\..\\b.png", "C:/x.png", "",
                     "happy/\x00.png", ".hidden/sad/1.png", "happy/1.PNG", "happy//1.png",
                     "./happy/1.png", "happy/\udcff.png", "e" * 300)),
)  # fmt: skip


@given(names=st.lists(NAMES, max_size=4), kind=st.sampled_from(("zip", "tar")))
@inputs()
def test_names_in_archives(folder, names, kind):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / f"names.{kind}"
    files = {**PICTURES, **dict.fromkeys(names, _picture())}
    try:
        path.write_bytes(_zip(files) if kind == "zip" else _tar(files))
    except (UnicodeEncodeError, ValueError):  # not even the archive can hold such a name
        return
    _import("names in zip or tar", path, folder)


@given(
    table=damaged(
        TABLE, TABLE.replace(b",", b";"), TABLE.replace(b"width,height", b"w,h"), b"sep=,\n" + TABLE
    )
)
@inputs()
def test_table_of_pictures(folder, table):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / "table.zip"
    path.write_bytes(_zip({**PICTURES, "labels.csv": table}))
    _import("CSV of pictures", path, folder)


@given(lines=damaged(LIST))
@inputs()
def test_list_of_pictures(folder, lines):
    (folder / "sets").mkdir(exist_ok=True)
    names = ("test_0.png", "train_1.png", "train_2.png")
    path = folder / "list.zip"
    path.write_bytes(_zip({**dict.fromkeys(names, _picture()), "list_patition_label.txt": lines}))
    _import("list of pictures", path, folder)


@given(data=damaged(_parquet(), _parquet("none"), _parquet("zstd")))
@inputs()
def test_parquet_with_pictures(folder, data):
    (folder / "sets").mkdir(exist_ok=True)
    path = folder / "parquet.zip"
    path.write_bytes(_zip({"train.parquet": data}, zipfile.ZIP_STORED))
    _import("parquet with pictures", path, folder)


@given(
    data=damaged(_zip({"m/model.json": b"{}", "m/model.safetensors": b"x" * 100, "m/MODEL_CARD.md": b"card"}))
)
@inputs(2)
def test_zip_of_a_model(folder, data):
    import shutil

    path, target = folder / "model.zip", folder / "staged"
    path.write_bytes(data)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()

    def check(staged):
        assert all((target / name).is_file() for name in staged.names)

    attempt("zip of a model", lambda: stage_files([path], target), check=check)
    assert not (folder / "x").exists()
