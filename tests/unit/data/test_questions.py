"""What an import reads by itself, and what it asks: nothing is guessed that would mislabel."""

import re
import unicodedata

import numpy as np
import pytest
from PIL import Image

from fer_core.data.importers.base import guess_emotion
from fer_core.data.importers.numberings import NUMBERINGS, list_numberings
from fer_core.data.importers.pictures import PictureOptions, import_pictures, resolve_mapping, resolve_splits
from fer_core.data.importing import inspect_source
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import load_dataset
from fer_core.errors import ConfigError, DataError, FerError
from tests.unit.data.pictures import class_files, encode, write_tree


def scan(tmp_path, files):
    return inspect_source(write_tree(tmp_path / "source", files)).scan


def bring_in(tmp_path, files, **options):
    """Import and open the result; also what the import said."""
    report = import_pictures(
        write_tree(tmp_path / "source", files), tmp_path / "sets" / "a", PictureOptions(**options)
    )
    return load_dataset(tmp_path / "sets" / "a"), report


def pictures(names, *, size=(24, 24)):
    return {name: encode(seed, size=size) for seed, name in enumerate(names)}


# Splits


@pytest.mark.parametrize(
    ("folders", "expected", "asked"),
    [
        (("train", "testset", "validation_set"), {"train": 4, "valid": 4, "test": 4}, []),
        (("Training", "PublicTest", "PrivateTest"), {"train": 4, "valid": 4, "test": 4}, []),
        (("train_data", "public_test", "private_test"), {"train": 4, "valid": 4, "test": 4}, []),
        (("fer/train-set", "fer/Test Images"), {"train": 4, "test": 4}, []),
        (("train", "eval"), {"train": 4, "eval": 4}, ["eval"]),
        (("train", "test", "extra"), {"train": 4, "test": 4, "extra": 4}, ["extra"]),
        (("my_train_pictures_b", "my_test_b"), {"my_train_pictures_b": 4, "my_test_b": 4}, None),
        (("trainA", "testB"), {"trainA": 4, "testB": 4}, None),
        (("anna", "berta"), {"": 8}, []),
        (("emotion-detection-train-archive",), {"": 4}, []),
    ],
)
def test_split_folders_under_other_names(tmp_path, folders, expected, asked):
    found = scan(tmp_path, {k: v for name in folders for k, v in class_files(f"{name}/", count=2).items()})
    assert found.split_counts == expected
    assert found.label_counts.keys() == {"happy", "sad"}
    assert sorted(found.asked_splits) == (sorted(expected) if asked is None else asked)


def test_a_part_of_unknown_split_is_asked_about_never_dealt_out(tmp_path):
    files = class_files("train/", count=4) | class_files("eval/", count=3) | class_files("raw/", count=1)
    with pytest.raises(DataError, match=r"'eval', 'raw' does not say into which split.*--split eval=SPLIT"):
        bring_in(tmp_path, files)
    data, _ = bring_in(tmp_path, files, split_map={"eval": "test", "raw": ""})
    assert data.info.split_counts == {"train": 8, "test": 6}


@pytest.mark.parametrize(("last", "expected"), [("test_3", {"train": 2, "test": 1}), ("x_3", {"": 3})])
def test_names_of_pictures_may_say_the_split_if_all_do(tmp_path, last, expected):
    names = ("happy/train_1", "sad/Training_2", f"sad/{last}")
    assert scan(tmp_path, pictures(f"{name}.png" for name in names)).split_counts == expected


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"evil": "test"}, "no part evil; it has eval, train"),
        ({"eval": "trian"}, "no split is called 'trian'"),
    ],
)
def test_a_mistyped_answer_about_splits(tmp_path, changes, match):
    found = scan(tmp_path, class_files("train/", count=1) | class_files("eval/", count=1))
    with pytest.raises(DataError, match=match):
        resolve_splits(found, changes)


def test_class_folders_beside_split_folders_keep_their_class(tmp_path):
    found = scan(tmp_path, class_files("train/", count=1) | class_files(count=1))
    assert found.asked_splits == {"happy": 1, "sad": 1}
    assert found.label_counts == {"happy": 2, "sad": 2}


@pytest.mark.parametrize(
    ("folder", "label", "split"),
    [
        ("happy_train", "happy_train", "train"),
        ("test-sad", "test-sad", "test"),
        ("sad_eval", "sad_eval", "sad_eval"),
    ],
)
def test_one_folder_may_say_class_and_split(tmp_path, folder, label, split):
    found = scan(tmp_path, {f"{folder}/1.png": encode(), "happy_test/1.png": encode(1)})
    assert {(item.label, item.split) for item in found.items} == {(label, split), ("happy_test", "test")}
    assert None not in found.suggest_mapping().values()


def test_a_list_takes_splits_from_its_column_its_name_or_the_pictures_folders(tmp_path):
    files = {f"{name}/{n}.png": encode(n) for name in ("train", "eval", "other") for n in range(2)}
    lines = "".join(f"{name},happy\n" for name in files)
    assert scan(tmp_path / "a", {"labels.csv": "path,label\n" + lines, **files}).asked_splits == {
        "eval": 2,
        "other": 2,
    }
    assert scan(tmp_path / "b", {"test.csv": "path,label\n" + lines, **files}).split_counts == {"test": 6}
    rows = "".join(f"{name},happy,{'fold 3' if 'eval' in name else 'Validation'}\n" for name in files)
    found = scan(tmp_path / "c", {"labels.csv": "path,label,split\n" + rows, **files})
    assert found.split_counts == {"valid": 4, "fold 3": 2} and found.asked_splits == {"fold 3": 2}


# Class names and numbers


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("3_Happy", "happiness"),
        ("Anger", "anger"),
        ("happy faces", "happiness"),
        ("surprised", "surprise"),
        ("happy_happiness", "happiness"),
        *((name, None) for name in (
            "not happy", "non_neutral", "no-anger", "Sadly Fearful", "Happily Surprised", "Angrily Disgusted",
            "happy_sad", "sad to happy", "un happy", "fear or surprise", "images", "faces", "3", "",
        )),
    ],
)  # fmt: skip
def test_only_a_name_that_says_one_emotion_is_taken(name, emotion):
    assert guess_emotion(name) == emotion


@pytest.mark.parametrize("name", ["images", "not happy", "S001", "it's"])
def test_no_hint_suggests_a_class(tmp_path, name):
    """Whoever follows the hint to the letter gets an error, not wrong labels."""
    found = scan(tmp_path, class_files(classes=(name, "sad"), count=1))
    with pytest.raises(DataError, match="--map") as told:
        resolve_mapping(found)
    assert "=happiness" not in str(told.value)
    with pytest.raises(DataError, match="unknown emotion 'EMOTION'"):
        resolve_mapping(found, {name: "EMOTION"})


def numbered(column="expression", numbers=range(7), **more):
    header = ",".join(["image", column, *more])
    rows = [",".join([f"{n}.png", str(n), *map(str, more.values())]) for n in numbers]
    return {"labels.csv": "\n".join([header, *rows]), **pictures(f"{n}.png" for n in numbers)}


def test_numbers_are_asked_about_whatever_the_column_is_called(tmp_path):
    """The column `expression` with Aff-Wild2's numbers: AffectNet's would be wrong for six of seven."""
    found = scan(tmp_path, numbered())
    assert set(found.suggest_mapping().values()) == {None}
    with pytest.raises(DataError, match=r"--numbers affectnet, aff-wild2, ck\+, expw, fer2013, ferplus"):
        resolve_mapping(found)
    meant = resolve_mapping(found, numbers="aff-wild2")
    assert list(meant.values()) == [
        "neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise",
    ]  # fmt: skip
    assert resolve_mapping(found, {"0": ""}, numbers="fer2013")["0"] == ""
    with pytest.raises(ConfigError, match="no numbering is called 'affnet'"):
        resolve_mapping(found, numbers="affnet")
    with pytest.raises(DataError, match="unknown class names '0'"):
        resolve_mapping(found, numbers="raf-db")
    with pytest.raises(DataError, match="no class name is a number"):
        resolve_mapping(scan(tmp_path / "b", class_files(count=1)), numbers="raf-db")


def test_a_class_is_found_as_a_terminal_prints_it(tmp_path):
    found = scan(tmp_path / "a", class_files(classes=("happy", "\x1b[31mred"), count=1))
    assert resolve_mapping(found, {"\\u001b[31mred": "anger"})["\x1b[31mred"] == "anger"


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["1", "7"], ["affectnet", "aff-wild2", "ck+", "dfew", "ferplus", "raf-db"]),
        (["0", "10"], ["affectnet"]),
        (["-1", "02", "3.0"], ["aff-wild2"]),
        (["-1", "0", "9"], ["affectnet"]),
        (["0", "11"], []),
        (["happy"], []),
    ],
)
def test_only_numberings_that_cover_the_numbers_are_offered(labels, names):
    assert list_numberings(labels) == names


def test_numberings_are_those_that_their_papers_print():
    """Where the same number means other things: 4 and 6."""
    assert {name: (known.find("4"), known.find("6")) for name, known in NUMBERINGS.items()} == {
        "affectnet": ("fear", "anger"),
        "aff-wild2": ("happiness", "surprise"),
        "ck+": ("fear", "sadness"),
        "dfew": ("anger", "disgust"),
        "expw": ("sadness", "neutral"),
        "fer2013": ("sadness", "neutral"),
        "ferplus": ("anger", "fear"),
        "raf-db": ("happiness", "anger"),
    }


@pytest.mark.parametrize(
    ("name", "lines", "is_known"),
    [
        ("list_patition_label.txt", "a.png 1\nb.png 7\n", True),
        ("my_labels.txt", "train_00001.png 1\ntest_00002.png 7\n", True),
        ("my_labels.txt", "train_00001.png 0\ntest_0002.png 6\n", False),
        ("a.csv", "image,label\ntrain_00001_aligned.png,1\ntest_0002_aligned.png,7\n", True),
        ("a.csv", "image,label\ntrain_00001_aligned.png,0\ntest_0002_aligned.png,6\n", False),
        ("my_labels.txt", "a.png 1\nb.png 7\n", False),
        ("faces.csv", "a.png;1\nb.png;7\n", False),
    ],
)
def test_a_list_of_numbers_is_raf_dbs_by_its_name_or_its_pictures(tmp_path, name, lines, is_known):
    names = [re.split(r"[\s,;]", line)[0] for line in lines.splitlines() if "png" in line]
    found = scan(tmp_path, {name: lines, **pictures(names)})
    assert found.split_counts.keys() == ({"train", "test"} if "train_" in lines else {""})
    assert list(found.suggest_mapping().values()) == (["surprise", "neutral"] if is_known else [None, None])


# Lists


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", ["path{0}label\n", "Path{0} Label \n", ""])
def test_lists_with_any_separator(tmp_path, delimiter, header, encoding):
    names = [f"images/ä {n}.png" for n in range(4)]
    rows = "".join(f"{name}{delimiter}{('happy', 'sad')[n % 2]}\n" for n, name in enumerate(names))
    content = (header.format(delimiter) + rows).encode(encoding)
    found = scan(tmp_path, {"labels.csv": content, **pictures(names)})
    assert found.label_counts == {"happy": 2, "sad": 2}


def test_what_a_spreadsheet_says_of_its_separator_is_no_row(tmp_path):
    files = {"labels.csv": "sep=;\r\npath;label\r\na.png;happy\r\n", **pictures(["a.png"])}
    assert scan(tmp_path, files).label_counts == {"happy": 1}


@pytest.mark.parametrize("lines", ["happy\nsad\n", "0 happy\n1 sad\n", "happy 0\nsad 1\n", "happy,0\n", ""])
@pytest.mark.parametrize("name", ["labels.txt", "class_list.txt", "labels.csv"])
def test_a_class_index_beside_class_folders_is_no_list_of_pictures(tmp_path, name, lines):
    source = inspect_source(write_tree(tmp_path / "source", {name: lines, **class_files(count=2)}))
    assert (source.kind, source.scan.label_counts) == ("folders", {"happy": 2, "sad": 2})


# Boxes


def two_faces():
    """A bright face on the left and a dark one on the right, on grey."""
    pixels = np.full((120, 200, 3), 90, np.uint8)
    pixels[20:100, 10:80], pixels[20:100, 120:190] = 200, 40
    return pixels


def png(pixels):
    import io

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "columns",
    ["x,y,width,height", "x,y,w,h", FACE := "face_x,face_y,face_width,face_height", "left,top,right,bottom"],
)
def test_every_labelled_box_of_a_picture_is_an_image(tmp_path, columns):
    rows = [f"path,label,{columns}"]
    for n in range(6):
        for x, label in ((10, ("happy", "sad")[n % 2]), (120, ("sad", "happy")[n % 2])):
            last = (
                "80,100" if x == 10 and "right" in columns else "190,100" if "right" in columns else "70,80"
            )
            rows.append(f"p{n}.png,{label},{x},20,{last}")
    files = {"labels.csv": "\n".join(rows), **{f"p{n}.png": png(two_faces()) for n in range(6)}}
    data, report = bring_in(tmp_path, files)
    assert data.info.num_images == 12 and report.skipped == ()
    assert data.images[:, 24, 24].tolist() == [200, 40] * 6
    assert data.samples["source"].nunique() == 12
    assert data.samples.groupby("image_name")["split"].nunique().max() == 1, "a photo is on one side"
    assert any("12 faces were cut out by the boxes of the source" in note for note in report.notes)


def test_boxes_are_cut_as_detected_faces_are_and_can_be_left_unused(tmp_path):
    from fer_core.inference.detectors.base import DETECTORS, DetectorKind
    from fer_core.inference.face_import import build_cropper
    from fer_core.types import FaceBox
    from fer_core.workspace import Workspace

    class Finder:
        name = "finder"

        def detect(self, image_rgb):
            return [FaceBox(x=10, y=20, width=70, height=80, score=1)]

    DETECTORS.register("finder")(
        DetectorKind(build=lambda request: Finder(), title="t", hint="h", no_face_hint="n")
    )
    try:
        crop = build_cropper("finder", Workspace(tmp_path), width=48, height=48)
    finally:
        del DETECTORS._entries["finder"]
    rng = np.random.default_rng(0)
    faces = {f"{n}.png": png(rng.integers(0, 256, (120, 200, 3), dtype=np.uint8)) for n in range(4)}
    rows = [f"{n}.png,{('happy', 'sad')[n % 2]},10,20,70,80" for n in range(4)]
    boxed = {"labels.csv": "\n".join(["path,label,x,y,width,height", *rows]), **faces}
    plain = {"labels.csv": "\n".join(["path,label", *(row.rsplit(",", 4)[0] for row in rows)]), **faces}
    images = {
        key: bring_in(tmp_path / key, files, **options)[0].images
        for key, files, options in (
            ("boxes", boxed, {}),
            ("detector", plain, {"crop": crop}),
            ("unused", boxed, {"use_boxes": False}),
            ("whole", plain, {}),
        )
    }
    assert (images["boxes"] == images["detector"]).all() and (images["unused"] == images["whole"]).all()
    assert (images["boxes"] != images["whole"]).any()


@pytest.mark.parametrize("box", ["300,20,70,80", "-90,20,70,80"])
def test_a_box_outside_its_picture_is_listed_not_cut(tmp_path, box):
    rows = ["path,label,x,y,width,height", f"bad.png,sad,{box}", "nan.png,sad,nan,inf,1,1"]
    rows += [f"{n}.png,{('happy', 'sad')[n % 2]},10,20,70,80" for n in range(4)]
    names = ["bad.png", "nan.png", *(f"{n}.png" for n in range(4))]
    data, report = bring_in(tmp_path, {"l.csv": "\n".join(rows), **dict.fromkeys(names, png(two_faces()))})
    assert data.info.num_images == 5
    assert [(name, "outside the picture of 200 x 120" in why) for name, why in report.skipped] == [
        ("bad.png", True)
    ]


@pytest.mark.parametrize("root", ["/home/anna/set/", "/", "C:\\Users\\anna\\set\\"])
def test_paths_of_the_machine_where_a_list_was_written_are_found(tmp_path, root):
    places = [f"{part}/{n}.png" for part in ("train", "test") for n in range(2)]
    listed = [place.replace("/", "\\") if "\\" in root else place for place in places]
    rows = ["path,label", *(f"{root}{place},{('happy', 'sad')[n % 2]}" for n, place in enumerate(listed))]
    # Not there below the same folder, though another folder has such a name.
    rows += [f"{root}{listed[0][:-5]}9.png,sad", "/elsewhere/test/1.png,happy"]
    files = {"l.csv": "\n".join(rows), "9.png": png(two_faces()), **dict.fromkeys(places, png(two_faces()))}
    data, report = bring_in(tmp_path, files)
    assert data.info.num_images == 4 and data.info.split_counts == {"train": 2, "test": 2}
    assert [why for _, why in report.skipped] == ["listed, but there is no such file"] * 2


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_listed_name_is_found_however_its_letters_are_stored(tmp_path, form):
    names = [f"größe {n}.png" for n in range(4)]
    rows = ["path,label", *(f"{name},{('happy', 'sad')[n % 2]}" for n, name in enumerate(names))]
    pictures = {unicodedata.normalize(form, name): png(two_faces()) for name in names}
    data, report = bring_in(tmp_path, {"l.csv": "\n".join(rows), **pictures})
    assert (data.info.num_images, report.skipped) == (4, ())


@pytest.mark.parametrize(
    "columns", ["x,y,width,height", "xmin,ymin,xmax,ymax"], ids=["left-top-size", "corners"]
)
def test_boxes_in_parts_of_the_picture_are_not_cut_out_as_pixels(tmp_path, columns):
    rows = [f"path,label,{columns}", "part.png,sad,0.1,0.2,0.8,0.9"]
    rows += [f"{n}.png,{('happy', 'sad')[n % 2]},10,20,70,80" for n in range(4)]
    names = ["part.png", *(f"{n}.png" for n in range(4))]
    data, report = bring_in(tmp_path, {"l.csv": "\n".join(rows), **dict.fromkeys(names, png(two_faces()))})
    assert data.info.num_images == 4
    assert [(name, "not in parts of the picture" in why) for name, why in report.skipped] == [
        ("part.png", True)
    ]


@pytest.mark.parametrize(
    ("labels", "what"),
    [(["sad", "happy"], "nothing in"), (["sad", "happy", "happy"], "no picture of sadness")],
)
def test_an_import_of_which_nothing_is_left_says_why(tmp_path, labels, what):
    boxes = ["0.1,0.2,0.8,0.7", "0.1,0.2,0.8,0.7", "10,20,70,80"]
    rows = ["path,label,x,y,width,height"]
    rows += [f"{n}.png,{label},{boxes[n]}" for n, label in enumerate(labels)]
    pictures = {f"{n}.png": png(two_faces()) for n in range(len(labels))}
    with pytest.raises(DataError, match=f"{what}.* 2 skipped, the first is 0.png: .*parts of the picture"):
        bring_in(tmp_path, {"l.csv": "\n".join(rows), **pictures})


# Pictures that are not square


@pytest.mark.parametrize("size", [(160, 60), (60, 160), (72, 60)])
def test_pictures_that_are_not_square_are_not_stretched_and_read_as_in_prediction(tmp_path, size):
    from fer_core.checkpoint import InputSpec
    from fer_core.inference.crop import extract_crops
    from fer_core.inference.detectors.whole_image import WholeImageDetector

    width, height = size
    rows, columns = np.mgrid[:height, :width]
    disc = (columns - width / 2) ** 2 + (rows - height / 2) ** 2 < 25**2
    picture = np.repeat(np.where(disc, 40, 200).astype(np.uint8)[..., None], 3, axis=2)
    files = {f"{name}/{n}.png": png(picture) for name in ("happy", "sad") for n in range(2)}
    data, _ = bring_in(tmp_path, files)
    ys, xs = np.where(data.images[0] < 120)
    assert np.ptp(xs) == np.ptp(ys) == pytest.approx(39, abs=1)  # 50 of 60 px at 48
    spec = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.5,))
    predicted = extract_crops(picture, WholeImageDetector().detect(picture), spec)[0]
    assert np.abs(predicted.astype(int) - data.images[0]).mean() < 3


# People and clips

PEOPLE = {
    "CK+48/{label}/S{person:03}_00{label_number}_000000{frame}.png": "S0{person:02}",
    "{label}/{letters}.AN1.{frame}.tiff.png": "{letters}",
    "{label}/AF{person:02}AN{frame_letter}.png": "F{person:02}",
    "NI/Strong/P{person:03}/{label}/{frame:03}.png": "P0{person:02}",
}


@pytest.mark.parametrize("pattern", PEOPLE)
def test_people_in_the_names_of_published_sets_stay_on_one_side(tmp_path, pattern):
    files, letters = {}, ["KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM"]
    for person in range(10):
        base = np.random.default_rng(person).integers(0, 200, (24, 24), dtype=np.uint8)
        for number, label in enumerate(("anger", "happy")):
            for frame in (12, 13):
                name = pattern.format(
                    label=label, label_number=number, person=person, frame=frame, letters=letters[person],
                    frame_letter={12: "FL", 13: "S"}[frame],
                )  # fmt: skip
                files[name] = png(base + frame)
    data, report = bring_in(tmp_path, files)
    groups = data.samples["group"]
    assert groups.nunique() == 10
    assert PEOPLE[pattern].format(person=3, letters=letters[3]) in set(groups)
    assert data.samples.groupby("group")["split"].nunique().max() == 1
    assert data.info.split_counts.keys() == {"train", "valid", "test"}
    assert report.warnings == ()


@pytest.mark.parametrize(
    ("folder", "label", "group"),
    [
        ("happy/clip_07", "happy", "clip_07"),
        ("train/Happy/S012", "Happy", "S012"),
        ("happy/0003", "happy", "0003"),
        ("blorp/0003", "0003", ""),
        ("happy/not 3", "not 3", ""),
        ("anger/fear1", "fear1", ""),
    ],
)
def test_clips_inside_class_folders_are_known(tmp_path, folder, label, group):
    (item,) = scan(tmp_path, {f"{folder}/1.png": encode()}).items
    assert (item.label, item.group) == (label, group)


def frames(num_clips=10, name="{label}/clip{clip}_{frame}.png"):
    files = {}
    for clip in range(num_clips):
        base = np.random.default_rng(clip).integers(0, 200, (24, 24), dtype=np.uint8)
        for frame in range(4):
            files[name.format(label=("happy", "sad")[clip % 2], clip=clip, frame=frame)] = png(base + frame)
    return files


def test_near_copies_across_splits_are_warned_of_and_group_by_helps(tmp_path):
    _, report = bring_in(tmp_path / "a", frames())
    (warning,) = report.warnings
    assert "(100%) are copies, or nearly, of an image in train" in warning and "--group-by" in warning
    data, report = bring_in(tmp_path / "b", frames(), group_by=r"clip(\d+)_")
    assert report.warnings == () and data.samples["group"].nunique() == 10
    assert data.samples.groupby("group")["split"].nunique().max() == 1


def test_group_by_takes_a_column(tmp_path):
    files = frames()
    rows = [f"{name},{name.split('/')[0]},{name.split('_')[0][-1]}" for name in files]
    table = {"l.csv": "\n".join(["path,label,Shot Number", *rows]), **files}
    data, report = bring_in(tmp_path, table, group_by="Shot Number")
    assert data.samples["group"].nunique() == 10 and report.warnings == ()


def test_people_that_the_source_divides_are_warned_of(tmp_path):
    files = {
        f"{split}/{label}/S001_00{n}_0000000{n}.png": encode(
            n + 10 * (split == "test") + 5 * (label == "sad")
        )
        for split in ("train", "test")
        for label in ("happy", "sad")
        for n in range(3)
    }
    _, report = bring_in(tmp_path, files)
    (warning,) = report.warnings
    assert "6 of 6 images of valid and test show people or clips that are in train" in warning


def test_different_pictures_warn_of_nothing(tmp_path):
    assert bring_in(tmp_path, class_files(count=20))[1].warnings == ()


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        ("subject", r"no column of the source \(it has none\), and as a regular expression it matches no"),
        ("clip(", "neither a column nor a regular expression"),
        ("x" * 201, "201 characters"),
    ],
)
def test_a_rule_for_groups_that_finds_none_is_refused(tmp_path, rule, match):
    with pytest.raises(FerError, match=match):
        bring_in(tmp_path, frames(), group_by=rule)
    assert not (tmp_path / "sets" / "a").exists()


@pytest.mark.parametrize("count", [3, 4, 7])
def test_few_groups_leave_no_split_without(count):
    groups = np.repeat([f"p{n}" for n in range(count)], 5).astype(object)
    labels, free = np.full(len(groups), "happiness", object), np.full(len(groups), "", object)
    found = assign_splits(labels, free, SplitPlan(), groups=groups)
    assert set(found) == {"train", "valid", "test"} and (found == "train").sum() == 5 * (count - 2)
