import errno
import io
import os
import re
import tarfile
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import filelock
import numpy as np
import pytest
from PIL import Image

from fer_core.data import image_writer
from fer_core.data.importers.base import IMPORTERS, ArrayImporter, Importer, Item, Scan, list_importers
from fer_core.data.importers.pictures import PictureOptions, import_pictures, resolve_mapping
from fer_core.data.importing import inspect_source
from fer_core.data.store import load_dataset, verify_dataset
from fer_core.errors import DataError, FerError, PluginError
from tests.unit.data.pictures import class_files, encode, write_tree, write_zip

FACE_COLUMNS = "face_x,face_y,face_width,face_height"


def run(source, target, **changes):
    return import_pictures(source, target, PictureOptions(**changes))


def sixteen_bits():
    buffer = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50).save(buffer, format="PNG")
    return buffer.getvalue()


def is_clean(folder):
    """Nothing but lock files is left."""
    return [path.name for path in folder.iterdir() if not path.name.endswith(".lock")] == []


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        (("train/", "val/", "test/"), {"train": 8, "valid": 8, "test": 8}),
        (("data/train_new/", "data/val_new/"), {"train": 8, "valid": 8}),
        (("",), {"train": 6, "valid": 2}),
    ],
)
def test_class_folders_of_the_usual_shapes(tmp_path, prefixes, expected):
    files = {}
    for prefix in prefixes:
        files |= class_files(prefix, count=4)
    source = write_tree(tmp_path / "source", files)
    options = PictureOptions(splits=plan(valid=0.25, test=0.0))
    report = import_pictures(source, tmp_path / "sets" / "a", options)
    assert report.info.split_counts == expected
    assert report.info.classes == ("happiness", "sadness")
    assert report.skipped == ()


def plan(**shares):
    from fer_core.data.splits import SplitPlan

    return SplitPlan(**shares)


def test_pixels_are_those_of_the_pictures(tmp_path):
    files = class_files(count=3)
    source = write_tree(tmp_path / "source", files)
    run(source, tmp_path / "sets" / "a", width=40, height=30, color="rgb")
    data = load_dataset(tmp_path / "sets" / "a")
    for image, name in zip(data.images, data.samples["source"], strict=True):
        with Image.open(io.BytesIO(files[name.split(":", 1)[1]])) as picture:
            assert (image == np.asarray(picture)).all()
    verify_dataset(data)


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_names_that_are_no_unicode(tmp_path, kind):
    folder = write_tree(tmp_path / "faces", class_files(count=2))
    try:
        for path in folder.glob("*/*.png"):
            path.rename(path.with_name("gr\udcfc\udcdfe" + path.name))
    except OSError:
        pytest.skip("this disk takes no such names")
    source = folder
    if kind == "tar":
        source = tmp_path / "faces.tar"
        with tarfile.open(source, "w") as archive:
            archive.add(folder, "faces")
    run(source, tmp_path / "sets" / "a")
    names = load_dataset(tmp_path / "sets" / "a").samples["image_name"]
    assert sorted(set(names)) == ["grüße0.png", "grüße1.png"]


def test_folder_zip_and_tar_give_the_same_images(tmp_path):
    files = class_files("train/", count=3)
    write_tree(tmp_path / "faces", files)
    write_zip(tmp_path / "faces.zip", dict(sorted(files.items())))
    with tarfile.open(tmp_path / "faces.tar.gz", "w:gz") as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    images = []
    for index, source in enumerate(("faces", "faces.zip", "faces.tar.gz")):
        run(tmp_path / source, tmp_path / "sets" / str(index))
        images.append(load_dataset(tmp_path / "sets" / str(index)).images)
    assert (images[0] == images[1]).all() and (images[0] == images[2]).all()


def test_every_kind_of_picture(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    files = {
        "happy/grey.png": encode(1, mode="L"),
        "happy/alpha.png": encode(2, mode="RGBA"),
        "happy/palette.png": encode(3, mode="P"),
        "happy/cmyk.jpg": encode(4, mode="CMYK", kind="JPEG"),
        "sad/sixteen.png": sixteen_bits(),
        "sad/turned.jpg": encode(6, kind="JPEG", exif=turned),
        "sad/moving.gif": encode(7, kind="GIF", save_all=True, append_images=[Image.new("RGB", (40, 30))]),
    }
    source = write_tree(tmp_path / "source", files)
    report = run(source, tmp_path / "sets" / "a", color="rgb")
    assert report.skipped == ()
    assert report.info.num_images == 7


def test_bad_files_are_skipped_and_listed(tmp_path):
    jpeg = encode(9, kind="JPEG", size=(200, 200))
    files = class_files(count=3) | {
        "happy/cut.jpg": jpeg[: len(jpeg) // 2],
        "happy/text.png": b"no picture",
        "happy/empty.png": b"",
        "happy/notes.txt": b"hello",
        "root.png": encode(3),
    }
    report = run(write_tree(tmp_path / "source", files), tmp_path / "sets" / "a")
    assert report.info.num_images == 6
    names = {"happy/cut.jpg", "happy/text.png", "happy/empty.png", "happy/notes.txt", "root.png"}
    assert {name for name, _ in report.skipped} == names
    assert "is empty; copy it again" in dict(report.skipped)["happy/empty.png"]


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({}, "no pictures or sound in class folders"),
        ({"happy/a.txt": b"x"}, "no pictures or sound in class folders"),
        (class_files(classes=("happy",)), "two classes or more"),
        (class_files(classes=("happy", "blorp")), "unknown class names 'blorp'"),
        ({"happy/1.png": b"x", "sad/1.png": b"y"}, "could be used"),
        ({"happy/1.png": encode(), "sad/1.png": b"y"}, "no picture of sadness"),
        ({"l.csv": "path,label\na.png,happy\n"}, "none of the 1 listed"),
        ({"l.csv": "path,label\na.png\n", "a.png": encode()}, "line 2: 1 fields"),
        (
            {"l.csv": f"subDirectory_filePath,{FACE_COLUMNS},expression\na.png,1,1,9,9,11\n"},
            "line 2: expression 11; expected 0 to 10",
        ),
        ({"list_label.txt": "train_1.jpg 1\ntrain_2.jpg 9\n"}, "none of the 2 listed"),
    ],
)
def test_bad_sources_leave_nothing(tmp_path, files, match):
    (tmp_path / "source").mkdir()
    (tmp_path / "sets").mkdir()
    with pytest.raises(DataError, match=match):
        run(write_tree(tmp_path / "source", files), tmp_path / "sets" / "a")
    assert is_clean(tmp_path / "sets")


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a\\..\\..\\evil.png", "c:evil.png"])
def test_zip_slip_is_refused(tmp_path, name):
    source = write_zip(tmp_path / "a.zip", class_files(count=2) | {name: encode()})
    with pytest.raises(DataError, match="unsafe path"):
        run(source, tmp_path / "sets" / "a")


@pytest.mark.skipif(os.name == "nt", reason="a colon names a stream of a file there")
def test_a_colon_in_a_zip_is_part_of_a_name(tmp_path):
    pictures = class_files(count=2) | {"happy/2024-01-01T10:30:12.png": encode(9)}
    source = write_zip(tmp_path / "a.zip", pictures)
    report = run(source, tmp_path / "sets" / "a")
    assert report.skipped == () and report.info.num_images == len(pictures)


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("happy/bomb.png", bytes(50_000_000))
        for name, data in class_files(count=2).items():
            archive.writestr(name, data)
    report = run(tmp_path / "a.zip", tmp_path / "sets" / "a")
    assert [name for name, reason in report.skipped if "refused" in reason] == ["happy/bomb.png"]


def test_links_in_a_tar_are_left_out(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in class_files(count=2).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("happy/passwd.png")
        link.type, link.linkname = tarfile.SYMTYPE, "1.png"
        archive.addfile(link)
    assert run(tmp_path / "a.tar", tmp_path / "sets" / "a").info.num_images == 4


def test_affectnet_csv(tmp_path):
    table = f"subDirectory_filePath,{FACE_COLUMNS},expression\n"
    table += (
        "1/a.png,2,2,20,20,1\n1/b.png,,,,,2\n2/a.png,0,0,9,9,9\n1/a.png,0,0,9,9,3\n3/gone.png,0,0,1,1,4\n"
    )
    files = {
        "training.csv": table,
        "images/1/a.png": encode(1),
        "images/1/b.png": encode(2),
        "images/2/a.png": encode(3),
    }
    seen = []

    def crop(image, box):
        seen.append(box)
        return image

    report = run(write_tree(tmp_path / "source", files), tmp_path / "sets" / "a", crop=crop)
    assert seen == [(2.0, 2.0, 20.0, 20.0), None, (0.0, 0.0, 9.0, 9.0)], "two faces of one picture"
    assert report.info.classes == ("happiness", "surprise", "sadness")
    assert report.info.split_counts == {"train": 3}
    assert [name for name, _ in report.skipped] == ["3/gone.png"]


def test_raf_db_list(tmp_path):
    lines = "train_1.jpg 4\ntrain_2.jpg 5\ntest_1.jpg 4\ntest_2.jpg 5\n"
    files = {"EmoLabel/list_patition_label.txt": lines}
    for index, name in enumerate(("train_1", "train_2", "test_1", "test_2")):
        files[f"Image/aligned/{name}_aligned.jpg"] = encode(index, kind="JPEG")
    report = run(write_tree(tmp_path / "source", files), tmp_path / "sets" / "a")
    assert report.info.importer == "raf-db"
    assert report.info.split_counts == {"train": 2, "test": 2}
    assert report.info.classes == ("happiness", "sadness")


def test_mapping_is_shown_and_changed(tmp_path):
    scan = inspect_source(
        write_tree(tmp_path / "s", class_files(classes=("1_Happy", "blorp", "Anger"), count=2))
    ).scan
    assert scan.suggest_mapping() == {"1_Happy": "happiness", "Anger": "anger", "blorp": None}
    assert resolve_mapping(scan, {"blorp": ""})["blorp"] == ""
    assert resolve_mapping(scan, {"blorp": "Scared"})["blorp"] == "fear"
    with pytest.raises(DataError, match="no class gone"):
        resolve_mapping(scan, {"gone": "fear", "blorp": ""})


def test_interrupt_and_cancel_leave_nothing(tmp_path):
    source = write_tree(tmp_path / "source", class_files(count=60))
    for error in (KeyboardInterrupt, FerError):

        def stop(_done, _total, error=error):
            raise error

        with pytest.raises(error):
            import_pictures(source, tmp_path / "sets" / "a", PictureOptions(), on_progress=stop)
        assert is_clean(tmp_path / "sets")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    source = write_tree(tmp_path / "source", class_files(count=3))

    def fail(self, _image):
        with image_writer.full_disk_as_error():
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_writer.ImageWriter, "append", fail)
    with pytest.raises(DataError, match="disk is full"):
        run(source, tmp_path / "sets" / "a")
    assert is_clean(tmp_path / "sets")


def test_too_little_space_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(DataError, match="free some space"):
        image_writer.check_disk_space(tmp_path / "a", 10**18)


def test_what_a_small_data_set_needs_is_not_told_as_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(image_writer.shutil, "disk_usage", lambda place: SimpleNamespace(free=20_000_000))
    with pytest.raises(DataError, match=r"needs 0\.07 GB, with some to spare, but .* has 0\.02 GB free"):
        image_writer.check_disk_space(tmp_path / "a", 2_000_000)


def test_two_imports_of_one_name(tmp_path):
    source = write_tree(tmp_path / "source", class_files(count=3))
    (tmp_path / "sets").mkdir()
    with filelock.FileLock(tmp_path / "sets" / ".a.lock"), pytest.raises(FerError, match="being written"):
        run(source, tmp_path / "sets" / "a")
    run(source, tmp_path / "sets" / "a")
    with pytest.raises(FerError, match="exists already"):
        run(source, tmp_path / "sets" / "a")


def test_what_a_killed_import_left_is_cleared(tmp_path):
    source = write_tree(tmp_path / "source", class_files(count=3))
    (tmp_path / "sets" / ".a.abcd1234.tmp").mkdir(parents=True)
    (tmp_path / "sets" / ".a.b.abcd1234.tmp").mkdir()
    run(source, tmp_path / "sets" / "a")
    assert sorted(path.name for path in (tmp_path / "sets").iterdir()) == [
        ".a.b.abcd1234.tmp",
        ".a.lock",
        "a",
    ]


def test_pictures_without_a_face_are_counted(tmp_path):
    source = write_tree(tmp_path / "source", class_files(count=3))
    missed = iter([True, False, False, True, False, False])
    report = run(source, tmp_path / "sets" / "a", crop=lambda image, _box: None if next(missed) else image)
    assert (report.num_without_face, report.info.num_images) == (2, 4)


def test_one_thread_and_several_write_the_same(tmp_path):
    files = class_files(count=70) | {"happy/broken.png": b"no picture"}
    source = write_tree(tmp_path / "source", files)
    reports = [
        import_pictures(source, tmp_path / "sets" / str(count), PictureOptions(), num_threads=count)
        for count in (1, 3)
    ]
    assert reports[0].info.fingerprint == reports[1].info.fingerprint
    assert [report.skipped for report in reports] == [reports[0].skipped] * 2
    assert reports[0].skipped[0][0] == "happy/broken.png"


def test_unsafe_paths_in_a_tar_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in (class_files(count=2) | {"../evil.png": encode()}).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(DataError, match="unsafe path"):
        run(tmp_path / "a.tar", tmp_path / "sets" / "a")


def test_same_names_in_several_folders_are_different_pictures(tmp_path):
    files = {
        f"{split}/{name}/1.png": encode(hash_)
        for hash_, (split, name) in enumerate(
            [("train", "happy"), ("train", "sad"), ("val", "happy"), ("val", "sad")]
        )
    }
    report = run(write_tree(tmp_path / "source", files), tmp_path / "sets" / "a")
    assert report.info.split_counts == {"train": 2, "valid": 2}
    data = load_dataset(tmp_path / "sets" / "a")
    assert data.samples["source"].nunique() == 4


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_a_zip_is_one_picture(tmp_path):
    path = write_zip(tmp_path / "a.zip", class_files(count=2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("happy/0.png", encode(77))
    assert run(path, tmp_path / "sets" / "a").info.num_images == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_among_the_pictures_does_not_hang(tmp_path):
    source = write_tree(tmp_path / "source", class_files(count=2))
    os.mkfifo(source / "happy" / "pipe.png")
    (source / "happy" / "gone.png").symlink_to("nowhere")
    report = run(source, tmp_path / "sets" / "a")
    assert report.info.num_images == 4
    assert {name for name, _ in report.skipped} == {"happy/pipe.png", "happy/gone.png"}


def test_a_jpeg_made_small_keeps_its_look(tmp_path):
    """Decoding to a fraction of the size must not change what the data set holds by more than rounding."""
    from fer_core.data.synthetic import draw_portrait

    pixels = draw_portrait("happiness", np.random.default_rng(5), size=256)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    files = {"happy/1.jpg": buffer.getvalue(), "sad/1.png": encode()}
    for color in ("gray", "rgb"):
        run(write_tree(tmp_path / color, files), tmp_path / "sets" / color, color=color)
        data = load_dataset(tmp_path / "sets" / color)
        stored = data.images[int(np.flatnonzero(data.samples["label"] == "happiness")[0])].astype(int)
        whole = Image.open(io.BytesIO(files["happy/1.jpg"])).convert("L" if color == "gray" else "RGB")
        expected = np.asarray(whole.resize((48, 48), Image.Resampling.BOX), int)
        assert np.abs(stored - expected).mean() < 1.5


def test_further_columns_of_a_list_are_kept(tmp_path):
    files = class_files(count=3)
    lines = ["path,label,Age Group,split,landmarks,votes_fear,x,y,width,height"]
    for index, name in enumerate(sorted(files)):
        age = "" if index == 0 else "18-29"
        label = name.split("/")[0]
        lines.append(f"{name},{label},{age},{'train' if index % 2 else 'valid'},{'9;' * 40},2,1,1,9,9")
    source = write_tree(tmp_path / "source", {**files, "list.csv": "\n".join(lines)})
    run(source, tmp_path / "sets" / "a")
    samples = load_dataset(tmp_path / "sets" / "a").samples
    assert sorted(samples.columns[4:]) == ["age_group", "source_votes_fear"]
    assert sorted(samples["age_group"]) == ["", *["18-29"] * 5]


@pytest.fixture
def ini_importer():
    """An importer as CONTRIBUTING describes it, of lists that no built-in importer knows."""

    def scan_faces(tree):
        if "faces.ini" not in tree.names():
            return None
        lines = tree.read("faces.ini").decode().splitlines()
        return Scan(
            tuple(Item(path=path, label=label) for path, label in (line.split("=") for line in lines))
        )

    IMPORTERS.register("ini")(Importer(title="an INI file's list", scan=scan_faces))
    yield
    del IMPORTERS._entries["ini"]


@pytest.mark.usefixtures("ini_importer")
def test_an_importer_that_is_registered_is_asked(tmp_path):
    lines = [f"{number}.png={label}" for number, label in enumerate(["happy", "sad"] * 10)]
    files = {f"{number}.png": encode(number) for number in range(20)}
    folder = write_tree(tmp_path / "s", {"faces.ini": "\n".join(lines).encode(), **files})
    source = inspect_source(folder)
    assert (source.kind, source.title, source.split_counts) == ("ini", "an INI file's list", {"": 20})
    assert list_importers()[0] == "ini", "before the general ones"
    report = run(folder, tmp_path / "sets" / "a")
    assert report.info.importer == "ini"
    assert report.info.num_images == 20


def fail(*_args, **_options):
    raise KeyError("x")


ITEM = Item(path="happy/0.png", label="happy")
BROKEN_IMPORTERS = {
    "scan": (Importer(title="x", scan=fail), "failed to look into s: KeyError: 'x'"),
    "list": (Importer(title="x", scan=lambda tree: [ITEM]), "gives .Item.* expected a Scan or None"),
    "no tuple": (Importer(title="x", scan=lambda tree: Scan([ITEM])), "gives list as items"),
    "no item": (Importer(title="x", scan=lambda tree: Scan(("a.png",))), "gives 'a.png' as item 1"),
    "number": (
        Importer(title="x", scan=lambda tree: Scan((ITEM, replace(ITEM, label=3)))),
        "gives 3 as label of item 2; expected text",
    ),
    "find": (ArrayImporter(title="x", find=fail, write=fail), "failed to look into s: KeyError: 'x'"),
    "word": (
        ArrayImporter(title="x", find=lambda tree, path: "a.csv", write=fail),
        "gives 'a.csv'; expected a Path or None",
    ),
}


@pytest.mark.parametrize("fault", BROKEN_IMPORTERS)
def test_a_packages_broken_importer_stops_nothing_that_does_not_name_it(tmp_path, add_plugin, caplog, fault):
    importer, message = BROKEN_IMPORTERS[fault]
    add_plugin(IMPORTERS, "foreign", importer)
    folder = write_tree(tmp_path / "s", class_files(count=2))
    assert inspect_source(folder).kind == "folders"
    (warning,) = caplog.messages
    message = f"the importer 'foreign' of the package fer-foreign {message}"
    assert re.search(message, warning) and warning.endswith("s is imported without it")
    with pytest.raises(PluginError, match=message):
        inspect_source(folder, "foreign")


@pytest.mark.parametrize(
    ("kind", "message"),
    [("list", "nothing for the importer 'list'"), ("fer2013", "FER2013"), ("lists", "Did you mean 'list'")],
)
def test_what_the_named_importer_does_not_know_is_refused(tmp_path, kind, message):
    folder = write_tree(tmp_path / "s", class_files(count=2))
    with pytest.raises(FerError, match=message):
        inspect_source(folder, kind)
