"""Small look-alikes of published data sets: their folders, names and lists, with drawn pixels."""

import functools
import io
from pathlib import Path

import numpy as np

from tests.unit.data.pictures import encode


@functools.cache
def _png(seed=0):
    return encode(seed, size=(32, 32))


def _pictures(*names):
    return {name: _png(seed) for seed, name in enumerate(names)}


def npy(value):
    buffer = io.BytesIO()
    np.save(buffer, np.array(value), allow_pickle=False)
    return buffer.getvalue()


def rafdb():
    """As its authors distribute it: the same faces as photographs and aligned, and one list."""
    names = ["train_00001", "train_00002", "test_0001", "test_0002"]
    numbers = dict(zip(names, (5, 4, 6, 7), strict=True))
    return {
        **_pictures(*(f"basic/Image/original/{name}.jpg" for name in names)),
        **_pictures(*(f"basic/Image/aligned/{name}_aligned.jpg" for name in names)),
        "basic/EmoLabel/list_patition_label.txt": "".join(f"{n}.jpg {numbers[n]}\n" for n in names),
    }


def rafdb_of_kaggle():
    """Class folders by number and tables."""
    rows = {"train": [("00001", 1), ("00002", 4)], "test": [("0001", 3), ("0002", 4)]}
    files = {}
    for split, items in rows.items():
        files |= _pictures(*(f"DATASET/{split}/{n}/{split}_{name}_aligned.jpg" for name, n in items))
        lines = "".join(f"{split}_{name}_aligned.jpg,{number}\n" for name, number in items)
        files[f"{split}_labels.csv"] = "image,label\n" + lines
    return files


def ck_plus():
    """Sequences, of which two of three are labelled."""
    files = {}
    for sequence, length in (("S005_001", 11), ("S010_004", 5), ("S011_002", 4)):
        person, number = sequence.split("_")
        folder = f"cohn-kanade-images/{person}/{number}"
        files |= _pictures(*(f"{folder}/{sequence}_{frame:08}.png" for frame in range(1, length + 1)))
    return files | {
        "Emotion/S005/001/S005_001_00000011_emotion.txt": "   3.0000000e+00\n",
        "Emotion/S010/004/S010_004_00000005_emotion.txt": "   7.0000000e+00\n",
    }


def ck_plus_48():
    return _pictures("CK+48/anger/S010_004_00000017.png", "CK+48/happy/S010_006_00000013.png")


def jaffe():
    return _pictures("jaffe/KA.AN1.39.tiff", "jaffe/KA.HA2.30.tiff", "jaffe/YM.FE3.69.tiff") | {
        "jaffe/README_FIRST.txt": "words"
    }


def kdef():
    return _pictures("KDEF/AF01/AF01ANS.JPG", "KDEF/AF01/AF01AFHL.JPG", "KDEF/BM07/BM07HAFR.JPG")


def sfew():
    """With the pictures themselves beside the aligned faces, but for those of Val."""
    return _pictures(
        "Train/Angry/Airheads_000519240_00000005.png",
        "Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png",
        "Val/Happy/Bridesmaids_010152560_00000015.png",
        "Test/Aaa_010152560_00000015.png",
    )


def oulu_casia():
    """Frames 0 to 4 of two sequences, as recorded and cropped."""
    sequences = ("VL{0}/Strong/P001/Anger", "NI{0}/Dark/P002/Surprise")
    roots = (("OriginalImg", ""), ("PreProcess Img", "_Acropped"))
    return _pictures(
        *(f"{root}/{s.format(end)}/{n:03}.jpeg" for root, end in roots for s in sequences for n in range(5))
    )


def affectnet():
    """Pictures and arrays; the number is text in some releases and a number in others."""
    files = _pictures("train_set/images/0.jpg", "train_set/images/1.jpg", "val_set/images/0.jpg")
    labels = {"train_set": {"0": npy("1"), "1": npy(8)}, "val_set": {"0": npy([6])}}
    for folder, numbers in labels.items():
        for name, data in numbers.items():
            files[f"{folder}/annotations/{name}_exp.npy"] = data
            files[f"{folder}/annotations/{name}_val.npy"] = npy("0.5")
    return files


def affectnet_csv():
    columns = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks",
               "expression", "valence", "arousal")  # fmt: skip
    rows = {"training": ("1/a.jpg", 1), "validation": ("2/b.jpg", 4)}
    files = _pictures(*(f"Manually_Annotated_Images/{path}" for path, _ in rows.values()))
    for name, (path, number) in rows.items():
        files[f"{name}.csv"] = f"{','.join(columns)}\n{path},2,3,20,24,1.0;2.0,{number},0.1,0.2\n"
    return files


def aff_wild():
    """A line a frame; nobody annotated frame 2, and frame 4 has no line."""
    header = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n"
    lists = "EXPR_Classification_Challenge"
    return {
        **_pictures(*(f"cropped_aligned/10-60-1280x720_right/{n:05}.jpg" for n in (1, 2, 3, 4))),
        **_pictures(*(f"cropped_aligned/video7/{n:05}.jpg" for n in (1, 2))),
        f"{lists}/Train_Set/10-60-1280x720_right.txt": header + "4\n-1\n1\n",
        f"{lists}/Validation_Set/video7.txt": header + "7\n6\n",
    }


def expw():
    """Two faces on one picture."""
    return {
        **_pictures("image/origin/angry_actor_104.jpg", "image/origin/happy_baby_1.jpg"),
        "label/label.lst": "angry_actor_104.jpg 0 4 2 30 28 22.9 3\n"
        "angry_actor_104.jpg 1 0 0 12 14 80.1 0\nhappy_baby_1.jpg 0 1 1 31 31 60 6\n",
    }


def ferv39k():
    clips = "2_ClipsforFaceCrop"
    return {
        **_pictures(*(f"{clips}/Action/Happy/0267/{n}.jpg" for n in (1, 2))),
        **_pictures(f"{clips}/War/Sad/0010/1.jpg"),
        "4_setups/All_scenes/train_All.csv": "Action/Happy/0267 Happy\n",
        "4_setups/All_scenes/test_All.csv": "War/Sad/0010 Sad\n",
        "4_setups/22_scenes/train_Action.csv": "Action/Happy/0267 Happy\n",
    }


def dfew():
    """Five folds, here two; 16 frames of each clip beside all."""
    lists = "EmoLabel_DataSplit"
    kinds = ("clip_224x224", "clip_224x224_16f")
    return {
        **_pictures(*(f"Clip/{kind}/00001/{n:05}.jpg" for kind in kinds for n in (1, 2))),
        **_pictures("Clip/clip_224x224_16f/00002/00001.jpg"),
        f"{lists}/train(single-labeled)/set_1.csv": "video_name,label\n1,1\n",
        f"{lists}/test(single-labeled)/set_1.csv": "video_name,label\n2,5\n",
        f"{lists}/train(single-labeled)/set_2.csv": "video_name,label\n2,5\n",
    }


_HIGH, _LOW = "Positive High-Energy Emotions", "Negative High-Energy Emotions"
EMONET_RATINGS = tuple(
    str([{f"human-{number}": scores} for number, scores in enumerate(raters, 1)])
    for raters in (
        ({f"{_HIGH}|Elation": 6, f"{_HIGH}|Amusement": 6},
         {f"{_HIGH}|Elation": 3, f"{_LOW}|Fear": 0},
         {f"{_HIGH}|Awe": 7}),
        ({f"{_LOW}|Anger": 4}, {f"{_LOW}|Anger": 2}),
        ({f"{_LOW}|Anger": 4}, {f"{_LOW}|Fear": 2}),
        ({f"{_LOW}|Anger": 0},),
    )
)  # fmt: skip
"""Happiness 2 of 3; anger 2 of 2; a tie; nothing seen."""


def emonet_parquet(ratings=EMONET_RATINGS):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = [{"bytes": _png(seed), "path": None} for seed in range(len(ratings))]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"path": pictures, "label": list(ratings)}), buffer)
    return buffer.getvalue()


def emonet():
    return {"data/train-00000-of-00001.parquet": emonet_parquet()}


EMONET_BINARY = (
    ("00000.jpg", "Anger", True),
    ("00000.jpg", "Contentment", False),
    ("00001.jpg", "Amusement", True),
    ("00002.jpg", "Fear", False),
    ("00003.jpg", "Elation", True),
    ("00003.jpg", "Sadness", True),
)
"""A picture, what a rater was asked about, and the answer: anger, happiness, nothing seen, a tie."""


def emonet_binary_parquet(rows=EMONET_BINARY, *, has_answers=True, draw=_png):
    """As the `datasets` library writes it: an encoded image, and a category by number with all names."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    from fer_core.data.importers import emonet_face

    table = Path(emonet_face.__file__).with_name(emonet_face.CLASSES_FILE).read_text("utf-8")
    names = [line.partition(",")[0] for line in table.splitlines()[1:]]
    pictures = [{"bytes": draw(number), "path": path} for number, (path, _, _) in enumerate(rows)]
    columns = {"path": pictures, "emotion": [names.index(name) for _, name, _ in rows]}
    if has_answers:
        columns |= {"annotator": ["human-1"] * len(rows), "value": [answer for _, _, answer in rows]}
    facts = {"info": {"features": {"emotion": {"_type": "ClassLabel", "names": names}}}}
    buffer = io.BytesIO()
    written = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(facts)})
    pq.write_table(written, buffer)
    return buffer.getvalue()


def emonet_binary(**options):
    return {"data/train-00000-of-00001.parquet": emonet_binary_parquet(**options)}
