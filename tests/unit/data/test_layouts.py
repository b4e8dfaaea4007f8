"""Published data sets are recognised by their layout: what is read, with which class, split and person."""

import pytest

from fer_core.data.importers.pictures import PictureOptions, import_pictures, resolve_mapping
from fer_core.data.importing import inspect_source
from fer_core.data.store import VOTE_PREFIX, load_dataset
from fer_core.errors import DataError
from tests.unit.data import layouts
from tests.unit.data.layouts import npy
from tests.unit.data.pictures import write_tree, write_zip

# Importer, files, and of each picture read: the end of its path, emotion (empty: left out), split, group.
LAYOUTS = {
    "RAF-DB": ("raf-db", layouts.rafdb, [
        ("aligned/train_00001_aligned.jpg", "sadness", "train", ""),
        ("aligned/train_00002_aligned.jpg", "happiness", "train", ""),
        ("aligned/test_0001_aligned.jpg", "anger", "test", ""),
        ("aligned/test_0002_aligned.jpg", "neutral", "test", ""),
    ]),
    "RAF-DB of Kaggle": ("raf-db", layouts.rafdb_of_kaggle, [
        ("1/train_00001_aligned.jpg", "surprise", "train", ""),
        ("4/train_00002_aligned.jpg", "happiness", "train", ""),
        ("3/test_0001_aligned.jpg", "disgust", "test", ""),
        ("4/test_0002_aligned.jpg", "happiness", "test", ""),
    ]),
    "CK+": ("ck-plus", layouts.ck_plus, [
        *((f"S005_001_{n:08}.png", "disgust", "", "S005") for n in (9, 10, 11)),
        *((f"S010_004_{n:08}.png", "surprise", "", "S010") for n in (3, 4, 5)),
    ]),
    "CK+48": ("ck-plus-48", layouts.ck_plus_48, [
        ("S010_004_00000017.png", "anger", "", "S010"),
        ("S010_006_00000013.png", "happiness", "", "S010"),
    ]),
    "JAFFE": ("jaffe", layouts.jaffe, [
        ("KA.AN1.39.tiff", "anger", "", "KA"),
        ("KA.HA2.30.tiff", "happiness", "", "KA"),
        ("YM.FE3.69.tiff", "fear", "", "YM"),
    ]),
    "KDEF": ("kdef", layouts.kdef, [
        ("AF01ANS.JPG", "anger", "", "F01"),
        ("AF01AFHL.JPG", "fear", "", "F01"),
        ("BM07HAFR.JPG", "happiness", "", "M07"),
    ]),
    "SFEW": ("sfew", layouts.sfew, [
        ("Aligned_Faces/Angry/Airheads_000519240_00000005.png", "anger", "train", "Airheads_000519240"),
        ("Val/Happy/Bridesmaids_010152560_00000015.png", "happiness", "valid", "Bridesmaids_010152560"),
    ]),
    "Oulu-CASIA": ("oulu-casia", layouts.oulu_casia, [
        *((f"VL_Acropped/Strong/P001/Anger/{n:03}.jpeg", "anger", "", "P001") for n in (2, 3, 4)),
        *((f"NI_Acropped/Dark/P002/Surprise/{n:03}.jpeg", "surprise", "", "P002") for n in (2, 3, 4)),
    ]),
    "AffectNet": ("affectnet", layouts.affectnet, [
        ("train_set/images/0.jpg", "happiness", "train", ""),
        ("train_set/images/1.jpg", "", "train", ""),
        ("val_set/images/0.jpg", "anger", "valid", ""),
    ]),
    "AffectNet's CSV": ("csv", layouts.affectnet_csv, [
        ("1/a.jpg", "happiness", "train", ""),
        ("2/b.jpg", "fear", "valid", ""),
    ]),
    "Aff-Wild2": ("aff-wild2", layouts.aff_wild, [
        ("10-60-1280x720_right/00001.jpg", "happiness", "train", "10-60-1280x720"),
        ("10-60-1280x720_right/00003.jpg", "anger", "train", "10-60-1280x720"),
        ("video7/00001.jpg", "", "valid", "video7"),
        ("video7/00002.jpg", "surprise", "valid", "video7"),
    ]),
    "ExpW": ("expw", layouts.expw, [
        ("angry_actor_104.jpg", "happiness", "", ""),
        ("angry_actor_104.jpg", "anger", "", ""),
        ("happy_baby_1.jpg", "neutral", "", ""),
    ]),
    "FERV39k": ("ferv39k", layouts.ferv39k, [
        ("Happy/0267/1.jpg", "happiness", "train", "Action/Happy/0267"),
        ("Happy/0267/2.jpg", "happiness", "train", "Action/Happy/0267"),
        ("Sad/0010/1.jpg", "sadness", "test", "War/Sad/0010"),
    ]),
    "DFEW": ("dfew", layouts.dfew, [
        ("16f/00001/00001.jpg", "happiness", "train", "00001"),
        ("16f/00001/00002.jpg", "happiness", "train", "00001"),
        ("16f/00002/00001.jpg", "surprise", "test", "00002"),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_recognised_and_read(name, tmp_path):
    kind, files, expected = LAYOUTS[name]
    found = inspect_source(write_zip(tmp_path / "source.zip", files()))
    mapping = resolve_mapping(found.scan)  # nothing is left to ask
    read = [(item.path, mapping[item.label], item.split, item.group) for item in found.scan.items]
    assert found.kind == kind
    assert sorted(read) == sorted(
        (next(path for path in files() if path.endswith(end)), *facts) for end, *facts in expected
    )


NOTES = {
    "RAF-DB": ["the 4 aligned faces are read; the 4 whole photographs"],
    "CK+": ["the last 3 frames are read", "10 frames before", "4 frames of sequences without a label"],
    "SFEW": ["the 2 cropped or aligned faces are read; the 1 whole"],
    "Oulu-CASIA": ["the 10 cropped", "of each of the 2 sequences the last 3 frames"],
    "Aff-Wild2": ["1 frames that nobody annotated (-1)", "1 frames without a line in the list"],
    "DFEW": ["2 folds: fold 1 is read", "1 further folders"],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_was_chosen_is_said(name, tmp_path):
    _, files, _ = LAYOUTS[name]
    words = "; ".join(inspect_source(write_zip(tmp_path / "source.zip", files())).scan.notes)
    assert all(part in words for part in NOTES.get(name, [])) and bool(words) == (name in NOTES), words


def test_boxes_of_expw_are_x_y_width_height(tmp_path):
    scan = inspect_source(write_zip(tmp_path / "source.zip", layouts.expw())).scan
    assert [item.box for item in scan.items] == [(2, 4, 28, 24), (0, 0, 12, 14), (1, 1, 30, 30)]


def test_facts_of_kdef_and_oulu(tmp_path):
    kdef = inspect_source(write_zip(tmp_path / "kdef.zip", layouts.kdef())).scan
    oulu = inspect_source(write_zip(tmp_path / "oulu.zip", layouts.oulu_casia())).scan
    assert kdef.items[-1].facts == {"session": "b", "angle": "fr"}
    assert {(item.facts["camera"], item.facts["light"]) for item in oulu.items} == {
        ("vl", "strong"),
        ("ni", "dark"),
    }


def test_photographs_of_rafdb_without_faces_are_said(tmp_path):
    files = {name: data for name, data in layouts.rafdb().items() if "aligned" not in name}
    scan = inspect_source(write_zip(tmp_path / "source.zip", files)).scan
    assert len(scan.items) == 4
    assert "4 pictures are whole photographs" in scan.notes[0] and "--detector" in scan.notes[0]


def test_rafdb_by_folders_alone(tmp_path):
    files = {name: data for name, data in layouts.rafdb_of_kaggle().items() if not name.endswith(".csv")}
    scan = inspect_source(write_zip(tmp_path / "source.zip", files)).scan
    assert sorted(item.label for item in scan.items) == ["1", "3", "4", "4"]


def test_files_sorted_into_class_folders_keep_what_was_decided(tmp_path):
    files = {f"{folder}/AF0{n}ANS.JPG": data for n, data in enumerate(layouts.kdef().values(), 1)
             for folder in (("sad", "happy")[n % 2],)}  # fmt: skip
    found = inspect_source(write_zip(tmp_path / "source.zip", files))
    assert found.kind == "folders" and {item.label for item in found.scan.items} == {"sad", "happy"}


RAF_LIST = "basic/EmoLabel/list_patition_label.txt"
CK_LABEL = "Emotion/S005/001/S005_001_00000011_emotion.txt"
AFF_LIST = "EXPR_Classification_Challenge/Train_Set/10-60-1280x720_right.txt"
EXPW_LIST = "label/label.lst"
FERV_LIST = "4_setups/All_scenes/train_All.csv"
DFEW_LIST = "EmoLabel_DataSplit/train(single-labeled)/set_1.csv"
ARRAY = "train_set/annotations/0_exp.npy"
SEVEN = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise"


def ck_plus_without_labels():
    return {name: data for name, data in layouts.ck_plus().items() if name.endswith(".png")}


def emonet_and(*ratings):
    return lambda: {"a.parquet": layouts.emonet_parquet([*layouts.EMONET_RATINGS, *ratings])}


DAMAGED = [
    (layouts.rafdb, {RAF_LIST: "train_00001.jpg 9\n"}, "compound expressions"),
    (layouts.rafdb, {RAF_LIST: "train_00001.jpg 0\n"}, "expected 1 to 7"),
    (layouts.rafdb, {RAF_LIST: "train_00001.jpg\n"}, "line 1"),
    (layouts.rafdb, {RAF_LIST: "train_00009.jpg 1\n"}, "none of the 1 pictures"),
    (layouts.rafdb, {RAF_LIST: "train_00001.jpg 1\ntrain_00001.jpg 2\n"}, "line 2.*class 2.*class 1"),
    (layouts.rafdb_of_kaggle, {"train_labels.csv": "image,label\ntrain_00001_aligned.jpg\n"}, "line 2"),
    (layouts.ck_plus, {CK_LABEL: "happy"}, f"{CK_LABEL} holds 'happy'"),
    (ck_plus_without_labels, {}, "add the folder Emotion"),
    (layouts.ck_plus, {CK_LABEL: "8.0"}, "0 to 7"),
    (layouts.affectnet, {ARRAY: b"no array"}, "0_exp.npy holds no number"),
    (layouts.affectnet, {ARRAY: npy("11")}, "expected one number from 0 to 10"),
    (layouts.affectnet, {ARRAY: npy([1, 2])}, "2 values"),
    (layouts.aff_wild, {AFF_LIST: f"{SEVEN}\n7\n"}, "line 2.*-1 to 6"),
    (layouts.expw, {EXPW_LIST: "angry_actor_104.jpg 0 4 2 30 28 22.9\n"}, "line 1"),
    (layouts.expw, {EXPW_LIST: "angry_actor_104.jpg 0 4 30 2 28 22.9 3\n"}, "a box and a class"),
    (layouts.expw, {EXPW_LIST: "other.jpg 0 4 2 30 28 22.9 3\n"}, "none of the 1 pictures"),
    (layouts.ferv39k, {FERV_LIST: "Action/Happy/0267 Happy\nAction\n"}, "line 2"),
    (layouts.dfew, {DFEW_LIST: "video_name,label\n1,8\n"}, "line 2"),
    (layouts.emonet, {"emonet_face_classes.csv": "category,emotion\nAwe,hunger\n"}, "hunger"),
    (emonet_and("[{'h': 3}]"), {}, "a.parquet#4"),
    (emonet_and("[{'h': {'Awe': 9}}]"), {}, "0 to 7"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "changes", "message"), DAMAGED)
def test_damage_is_told_with_file_and_place(files, changes, message, tmp_path):
    source = write_zip(tmp_path / "source.zip", files() | changes)
    with pytest.raises(DataError, match=message):
        inspect_source(source)


def test_raters_of_emonet_become_votes(tmp_path):
    source = write_tree(tmp_path / "faces", layouts.emonet())
    found = inspect_source(source)
    assert found.kind == "emonet-face"
    assert resolve_mapping(found.scan) == {
        "Amusement": "happiness", "Anger": "anger", "Awe": "", "Elation": "happiness", "Fear": "fear",
    }  # fmt: skip
    report = import_pictures(source, tmp_path / "sets" / "a", PictureOptions())
    samples = load_dataset(tmp_path / "sets" / "a").samples
    columns = [name for name in samples if name.startswith(VOTE_PREFIX)]
    voted = [{name: row[name] for name in columns if row[name]} for _, row in samples.iterrows()]
    assert voted == [{"votes_happiness": 2, "votes_unknown": 1}, {"votes_anger": 2}]
    assert list(samples["label"]) == ["happiness", "anger"] and report.info.has_votes
    assert [why for _, why in report.skipped] == [
        "no rater saw any of the categories", "no emotion has more votes than every other"
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["file", "map"])
def test_what_categories_of_emonet_mean_can_be_changed(how, tmp_path):
    changed = {"Elation": "", "Amusement": "", "Awe": "surprise"}
    files = layouts.emonet()
    if how == "file":
        kept = {"Anger": "anger", "Fear": "fear"}
        lines = "".join(f"{name},{meaning}\n" for name, meaning in (changed | kept).items())
        files["emonet_face_classes.csv"] = "category,emotion\n" + lines
    source = write_tree(tmp_path / "faces", files)
    import_pictures(
        source, tmp_path / "sets" / "a", PictureOptions(class_map=changed if how == "map" else {})
    )
    assert list(load_dataset(tmp_path / "sets" / "a").samples["label"]) == ["surprise", "anger"]


@pytest.mark.parametrize("has_answers", [True, False])
def test_the_binary_part_of_emonet(has_answers, tmp_path):
    source = write_tree(tmp_path / "faces", layouts.emonet_binary(has_answers=has_answers))
    assert inspect_source(source).kind == "emonet-face"
    report = import_pictures(source, tmp_path / "sets" / "a", PictureOptions())
    labels = list(load_dataset(tmp_path / "sets" / "a").samples["label"])
    if has_answers:  # one picture of several rows is one image
        assert labels == ["anger", "happiness"]
        assert {why for _, why in report.skipped} == {"no category has more yeses than every other"}
    else:
        assert labels == ["anger", "happiness", "happiness", "fear", "happiness", "sadness"]
    assert not report.info.has_votes, "one yes is too little for FER+'s rules"
    assert [item.picture_licence for item in report.info.terms] == ["CC BY 4.0"]


def test_an_answer_of_emonet_is_yes_or_no(tmp_path):
    rows = [("0.jpg", "Awe", "perhaps"), ("1.jpg", "Pride", "True")]
    with pytest.raises(DataError, match="#0: answer 'perhaps'"):
        inspect_source(write_tree(tmp_path / "faces", layouts.emonet_binary(rows=rows)))


def test_a_column_of_plain_emotions_is_not_taken_for_emonet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = write_tree(tmp_path / "faces", layouts.emonet_binary(has_answers=False))
    path = next(source.rglob("*.parquet"))
    table = pq.read_table(path).drop_columns(["emotion"]).replace_schema_metadata(None)
    words = pa.array(["Anger", "Disgust", "Fear", "Sadness", "Contempt", "Happy"])
    pq.write_table(table.append_column("emotion", words).rename_columns(["image", "emotion"]), path)
    found = inspect_source(source)
    assert found.kind == "parquet" and found.terms == ()
