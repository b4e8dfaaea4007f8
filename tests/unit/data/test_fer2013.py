"""The importer, on small files made here; the real ones are in tests/integration."""

import csv
import errno
import gzip
import io
import tarfile
import zipfile

import filelock
import numpy as np
import pytest

from fer_core.data.archive import MAX_TEXT_BYTES
from fer_core.data.exporting import export_dataset
from fer_core.data.importers.fer2013 import import_fer2013
from fer_core.data.importing import inspect_source
from fer_core.data.store import load_dataset
from fer_core.errors import DataError, FerError, StorageError
from fer_core.labels import FERPLUS_COLUMNS

USAGES = ["Training", "Training", "PublicTest", "PrivateTest"]
LABELS = [0, 3, 6, 5]


def pixels(value: int, count: int = 2304) -> str:
    return " ".join([str(value)] * count)


def write_csv(path, *, header=("emotion", "pixels", "Usage"), rows=None):
    rows = rows or [
        {"emotion": label, "pixels": pixels(10 * index), "usage": usage}
        for index, (label, usage) in enumerate(zip(LABELS, USAGES, strict=True))
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([row[name.strip().lower()] for name in header])
    return path


def write_votes(path, usages=USAGES, votes=(8, 0, 0, 2, 0, 0, 0, 0, 0, 0)):
    lines = [",".join(["Usage", "Image name", *FERPLUS_COLUMNS])]
    lines += [f"{usage},fer{index:07d}.png,{','.join(map(str, votes))}" for index, usage in enumerate(usages)]
    path.write_text("\n".join(lines) + "\n")
    return path


def as_zip(path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("header", [("emotion", "pixels", "Usage"), ("emotion", " Usage", " pixels")])
@pytest.mark.parametrize("zipped", [False, True])
def test_both_headers_plain_and_zipped(tmp_path, header, zipped):
    source = write_csv(tmp_path / "icml_face_data.csv", header=header)
    if zipped:
        source = as_zip(tmp_path / "data.zip", {"folder/icml_face_data.csv": source.read_bytes()})
    progress = []
    info = import_fer2013(
        source, tmp_path / "set", on_progress=lambda done, total: progress.append((done, total))
    )
    data = load_dataset(tmp_path / "set")
    assert data.info == info
    assert info.split_counts == {"train": 2, "valid": 1, "test": 1}
    assert list(data.samples["label"]) == ["anger", "happiness", "neutral", "surprise"]
    assert data.images.shape == (4, 48, 48)
    assert [int(image[0, 0]) for image in data.images] == [0, 10, 20, 30]
    assert not info.has_votes
    assert "contempt" not in info.classes
    assert isinstance(data.images, np.memmap)
    assert progress[-1][0] == progress[-1][1] > 0


def test_votes_are_merged(tmp_path):
    votes = write_votes(tmp_path / "fer2013new.csv")
    info = import_fer2013(write_csv(tmp_path / "fer2013.csv"), tmp_path / "set", votes=votes)
    data = load_dataset(tmp_path / "set")
    assert info.has_votes
    assert len(info.classes) == 8
    assert data.votes.tolist() == [[8, 0, 0, 2, 0, 0, 0, 0, 0, 0]] * 4
    assert data.samples["image_name"].iloc[2] == "fer0000002.png"


def refuse(tmp_path, source, match, **options):
    target = tmp_path / "set"
    with pytest.raises(DataError, match=match):
        import_fer2013(source, target, **options)
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith((".set", "set"))]
    assert left == [".set.lock"], "something was half-written"


def test_git_lfs_pointer(tmp_path):
    source = tmp_path / "fer2013.csv"
    source.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 301072766\n")
    refuse(tmp_path, source, "git lfs pull")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"pixels": pixels(1, 2303)}, "row 0.*2303 pixels instead of 2304"),
        ({"pixels": pixels(1, 2303) + " 256"}, "256.*expected 0 to 255"),
        ({"pixels": pixels(1, 2303) + " -1"}, "expected 0 to 255"),
        ({"pixels": pixels(1, 2303) + " x"}, "no number"),
        ({"pixels": ""}, "pixels"),
        ({"emotion": 7}, "emotion is '7'"),
        ({"emotion": "happy"}, "emotion is 'happy'"),
        ({"usage": "Testing"}, "'Testing'"),
    ],
)
def test_malformed_rows_are_named(tmp_path, change, match):
    row = {"emotion": 0, "pixels": pixels(1), "usage": "Training"} | change
    refuse(tmp_path, write_csv(tmp_path / "fer2013.csv", rows=[row]), match)


def test_truncated_file(tmp_path):
    source = write_csv(tmp_path / "fer2013.csv")
    source.write_bytes(source.read_bytes()[:-1500])
    refuse(tmp_path, source, "truncated or damaged")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "columns"),
        ("emotion,pixels,Usage\n", "no rows"),
        ("label,image\n1,2\n", "label"),
        ("emotion,pixels,Usage,extra\n", "extra"),
    ],
)
def test_unknown_columns_and_empty_files(tmp_path, text, match):
    source = tmp_path / "fer2013.csv"
    source.write_text(text)
    refuse(tmp_path, source, match)


def test_binary_file(tmp_path):
    source = tmp_path / "fer2013.csv"
    source.write_bytes(b"\xff\xfe\x00" * 100)
    refuse(tmp_path, source, "UTF-8")


def test_missing_file(tmp_path):
    refuse(tmp_path, tmp_path / "fer2013.csv", "can't be opened")


@pytest.mark.parametrize(
    "name", ["../fer2013.csv", "/etc/fer2013.csv", "a/../../fer2013.csv", "C:\\fer2013.csv"]
)
def test_zip_that_climbs_out(tmp_path, name):
    data = write_csv(tmp_path / "plain.csv").read_bytes()
    refuse(tmp_path, as_zip(tmp_path / "bad.zip", {"fer2013.csv": data, name: data}), "unsafe path")


def test_zip_bomb_by_its_header(tmp_path):
    """A member that admits to 10 GB is refused unread."""
    path = as_zip(tmp_path / "bomb.zip", {"fer2013.csv": b"emotion,pixels,Usage\n"})
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    refuse(tmp_path, path, "unpacks to 4.0 GB")


def test_zip_bomb_that_lies(tmp_path, monkeypatch):
    """The bytes themselves are counted, whatever the header says."""
    monkeypatch.setattr("fer_core.data.archive.MAX_TEXT_BYTES", 5_000_000)
    line = b"0," + pixels(0).encode() + b",Training\n"
    path = tmp_path / "fer2013.csv"
    path.write_bytes(b"emotion,pixels,Usage\n" + line * 2000)
    assert path.stat().st_size > 5_000_000
    refuse(tmp_path, path, "refused")


def test_limit_leaves_room_for_the_real_file():
    assert MAX_TEXT_BYTES > 3 * 301_072_766


def test_damaged_and_empty_zips(tmp_path):
    whole = as_zip(tmp_path / "a.zip", {"fer2013.csv": write_csv(tmp_path / "x.csv").read_bytes()})
    data = bytearray(whole.read_bytes())
    data[60:120] = bytes(60)
    whole.write_bytes(data)
    refuse(tmp_path, whole, "damaged|zip")
    refuse(tmp_path, as_zip(tmp_path / "b.zip", {"readme.txt": b"hello"}), "holds no fer2013.csv")
    refuse(tmp_path, as_zip(tmp_path / "c.zip", {"a.csv": b"", "b.csv": b""}), "holds no fer2013.csv")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_cut_short_are_named_as_such(tmp_path, kind, share):
    """A zip has its contents listed at its end: what is left of it was read as a table."""
    noise = np.random.default_rng(0).integers(0, 256, 60_000, np.uint8).tobytes()
    pack = as_zip if kind == "zip" else as_tar
    whole = pack(tmp_path / f"whole.{kind}", {"happy/1.png": noise, "sad/1.png": noise}).read_bytes()
    cut = tmp_path / f"cut.{kind}"
    cut.write_bytes(whole[: round(share * len(whole))])
    if (kind, share) != ("tar", 0.99):  # that lacks only zeros
        with pytest.raises(DataError, match=r"damaged or cut short.*copy it again"):
            inspect_source(cut)
        refuse(tmp_path, cut, r"damaged or cut short.*copy it again")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.rar", b"Rar!\x1a\x07\x01\0 and more", "packed as RAR, which is not read; unpack it"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c and more", "packed as 7z, which is not read; unpack it"),
        (
            "fer2013.csv.gz",
            gzip.compress(b"emotion,pixels,Usage\n", mtime=0),
            "packed by gzip.*unpack it first",
        ),
        ("a.h5", b"\x89HDF\r\n\x1a\n\xff", "a single file that can't be imported"),
        ("a.png", b"\x89PNG\r\n\x1a\n\xff", "a single file .* give the folder that holds all"),
        ("a.csv", b"", "a.csv is empty; copy it again"),
        (
            "a.csv",
            b"path,label,split\na/1.png,happy,train\n",
            "give the folder or archive that holds the list",
        ),
        (
            "a.csv",
            "path,label\na/1.png,happy\n".encode("utf-16"),
            "give the folder or archive that holds the list",
        ),
        (
            "a.parquet",
            b"PAR1 and \xb0 no end",
            "can't be read as Parquet: it is damaged or cut short; copy it again",
        ),
    ],
)
def test_single_files_that_are_no_table_of_pixels_are_not_read_as_one(tmp_path, name, content, match):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=match):
        inspect_source(path)
    with pytest.raises(DataError) as caught:
        inspect_source(path)
    assert "UTF-8" not in str(caught.value) and "Usage" not in str(caught.value)


def test_a_list_alone_in_an_archive_asks_for_its_pictures(tmp_path):
    source = as_zip(tmp_path / "a.zip", {"list.csv": b"path,label\na/1.png,happy\n"})
    with pytest.raises(DataError, match="give the folder or archive that holds the list and the pictures"):
        inspect_source(source)
    with pytest.raises(DataError, match="no pictures or sound in class folders"):
        inspect_source(as_zip(tmp_path / "b.zip", {"face.png": b"x"}))


def test_an_exported_table_says_what_to_import_instead(tmp_path):
    import_fer2013(write_csv(tmp_path / "fer2013.csv"), tmp_path / "set")
    export_dataset(load_dataset(tmp_path / "set"), tmp_path / "x.csv", "csv")
    with pytest.raises(DataError, match=r"export --kind csv.*import the class folders"):
        import_fer2013(inspect_source(tmp_path / "x.csv").path, tmp_path / "again")
    export_dataset(load_dataset(tmp_path / "set"), tmp_path / "folders", "folders")
    assert inspect_source(tmp_path / "folders").split_counts == {"train": 2, "valid": 1, "test": 1}


def test_votes_of_another_length(tmp_path):
    votes = write_votes(tmp_path / "votes.csv", usages=USAGES[:3])
    refuse(tmp_path, write_csv(tmp_path / "fer2013.csv"), "3 rows but the faces have 4", votes=votes)


def test_votes_whose_usage_disagrees(tmp_path):
    votes = write_votes(
        tmp_path / "votes.csv", usages=["Training", "PublicTest", "PublicTest", "PrivateTest"]
    )
    refuse(tmp_path, write_csv(tmp_path / "fer2013.csv"), "disagree about Usage.*row 1", votes=votes)


@pytest.mark.parametrize("values", [(-1,) + (0,) * 9, ("x",) + (0,) * 9, (1.5,) + (0,) * 9, ("",) + (0,) * 9])
def test_votes_that_are_no_counts(tmp_path, values):
    votes = write_votes(tmp_path / "votes.csv", votes=values)
    refuse(tmp_path, write_csv(tmp_path / "fer2013.csv"), "whole numbers", votes=votes)


def test_votes_with_other_columns(tmp_path):
    votes = tmp_path / "votes.csv"
    votes.write_text("Usage,neutral\nTraining,3\n")
    refuse(tmp_path, write_csv(tmp_path / "fer2013.csv"), "columns", votes=votes)


def test_an_existing_data_set_is_kept_unless_replaced(tmp_path):
    source = write_csv(tmp_path / "fer2013.csv")
    first = import_fer2013(source, tmp_path / "set")
    with pytest.raises(FerError, match="exists already"):
        import_fer2013(source, tmp_path / "set")
    assert load_dataset(tmp_path / "set").info == first
    votes = write_votes(tmp_path / "votes.csv")
    assert import_fer2013(source, tmp_path / "set", votes=votes, replace=True).has_votes
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".set.lock",
        "fer2013.csv",
        "set",
        "votes.csv",
    ]


def test_a_failing_replacement_leaves_the_old_data_set(tmp_path):
    source = write_csv(tmp_path / "fer2013.csv")
    first = import_fer2013(source, tmp_path / "set")
    source.write_bytes(source.read_bytes()[:-1500])
    with pytest.raises(DataError):
        import_fer2013(source, tmp_path / "set", replace=True)
    assert load_dataset(tmp_path / "set").info == first


def test_encrypted_zip_is_refused(tmp_path):
    path = as_zip(tmp_path / "locked.zip", {"fer2013.csv": b"emotion,pixels,Usage\n"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    refuse(tmp_path, path, "zip")


def test_reading_a_stream_leaves_no_file_open(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(write_csv(tmp_path / "fer2013.csv"), "fer2013.csv")
    path = tmp_path / "x.zip"
    path.write_bytes(buffer.getvalue())
    import_fer2013(path, tmp_path / "set")
    path.unlink()  # fails on Windows while a handle is open
    assert not path.exists()


def test_two_imports_of_one_name(tmp_path):
    source = write_csv(tmp_path / "fer2013.csv")
    with filelock.FileLock(tmp_path / ".set.lock"), pytest.raises(FerError, match="being written"):
        import_fer2013(source, tmp_path / "set")
    import_fer2013(source, tmp_path / "set")
    with pytest.raises(FerError, match="exists already"):
        import_fer2013(source, tmp_path / "set")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", fail)
    with pytest.raises(StorageError, match="No space left on device; free some space"):
        import_fer2013(write_csv(tmp_path / "fer2013.csv"), tmp_path / "sets" / "a")
    assert [path.name for path in (tmp_path / "sets").iterdir()] == [".a.lock"]


def as_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_the_tar_that_the_challenge_gave_out(tmp_path):
    content = write_csv(tmp_path / "fer2013.csv").read_bytes()
    source = as_tar(tmp_path / "fer2013.tar.gz", {"fer2013/README": b"x", "fer2013/fer2013.csv": content})
    assert inspect_source(source).kind == "fer2013"
    assert import_fer2013(source, tmp_path / "set").num_images == 4
    other = as_tar(tmp_path / "other.tar.gz", {"happy/1.png": b"x", "sad/1.png": b"y"})
    assert inspect_source(other).kind == "folders"


def test_bad_tars_are_refused(tmp_path):
    content = write_csv(tmp_path / "fer2013.csv").read_bytes()
    refuse(tmp_path, as_tar(tmp_path / "a.tar.gz", {"../fer2013.csv": content}), "unsafe path")
    refuse(tmp_path, as_tar(tmp_path / "b.tar.gz", {"notes.txt": b"x"}), "holds no fer2013.csv")
    noise = np.random.default_rng(0).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    whole = as_tar(tmp_path / "c.tar.gz", {"noise.bin": noise, "fer2013.csv": content}).read_bytes()
    (tmp_path / "d.tar.gz").write_bytes(whole[: len(whole) // 2])
    refuse(tmp_path, tmp_path / "d.tar.gz", "damaged or cut short: .*; copy it again")


def test_the_table_is_found_in_folders_and_the_votes_in_or_beside_it(tmp_path):
    write_csv(tmp_path / "a.csv")
    (tmp_path / "set" / "fer2013").mkdir(parents=True)
    write_csv(tmp_path / "set" / "fer2013" / "fer2013.csv")
    assert inspect_source(tmp_path / "set").votes is None
    write_votes(tmp_path / "set" / "FER2013new.csv")
    found = inspect_source(tmp_path / "set")
    assert (found.path, found.votes) == (
        tmp_path / "set" / "fer2013" / "fer2013.csv",
        tmp_path / "set" / "FER2013new.csv",
    )
    votes = write_votes(tmp_path / "fer2013new.csv")
    both = {"fer2013.csv": (tmp_path / "a.csv").read_bytes(), "fer2013new.csv": votes.read_bytes()}
    packed = as_zip(tmp_path / "both.zip", both)
    assert inspect_source(packed).votes == packed
    import_fer2013(packed, tmp_path / "sets" / "a", votes=packed)
    assert load_dataset(tmp_path / "sets" / "a").info.has_votes
    assert inspect_source(tmp_path / "a.csv").votes == votes
