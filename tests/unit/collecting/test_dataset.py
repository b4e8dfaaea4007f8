"""Labelled faces as a data set."""

import numpy as np
import pytest

from fer_core.checkpoint import FramingSpec, InputSpec
from fer_core.collecting import delete_collection, list_collections, load_collection
from fer_core.collecting.collection import add_faces, remove_faces, remove_person
from fer_core.collecting.crops import cut_for_model, cut_wide
from fer_core.collecting.dataset import build_dataset
from fer_core.collecting.labels import open_labels
from fer_core.data.splits import SplitPlan
from fer_core.data.store import load_dataset
from fer_core.data.targets import compute_targets
from fer_core.errors import CollectionError, FerError
from fer_core.inference.crop import extract_crops
from fer_core.types import FaceBox
from tests.collections import label_all, make_collection, make_vote

GREY = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))


def test_splits_share_no_clip_and_no_person(workspace):
    collection = make_collection(workspace, 48, num_clips=8)
    label_all(collection)
    for group_by in ("clip", "person"):
        info = build_dataset(
            workspace, collection, GREY, group_by=group_by
        )  # the second in place of the first
        samples = load_dataset(workspace.dataset("own")).samples
        assert (samples.groupby(group_by)["split"].nunique() == 1).all()
        assert set(samples["split"]) == {"train", "valid", "test"}
        assert (info.num_images, info.importer, info.source) == (48, "collection", "own")
        assert samples["label"].tolist()[:2] == ["happiness", "surprise"]


def test_votes_become_soft_labels(workspace):
    collection = make_collection(workspace, 6, num_clips=6)
    open_labels(collection).add(
        [
            make_vote(1, 1, ["fear"]),
            make_vote(1, 1, ["surprise"], "Ben"),
            make_vote(2, 2, ["fear", "anger"]),
            make_vote(2, 2, ["fear"], "Ben"),
            make_vote(3, 3, ["unsure"]),
            make_vote(3, 3, ["fear"], "Ben"),
            make_vote(4, 4, ["unsure"]),
            make_vote(5, 5, ["no face"]),
        ]
    )
    build_dataset(workspace, collection, GREY, splits=SplitPlan(valid=0, test=0))
    dataset = load_dataset(workspace.dataset("own"))
    assert dataset.samples["face"].tolist() == ["000001", "000002", "000003"]
    assert dataset.samples["num_annotators"].tolist() == [2, 2, 2]
    assert dataset.samples["label"].tolist() == ["", "fear", "fear"]
    columns = ["votes_fear", "votes_surprise", "votes_anger"]
    assert dataset.samples[columns].to_numpy().tolist() == [[5, 5, 0], [7.5, 0, 2.5], [10, 0, 0]]
    soft = compute_targets(dataset, "train", "crossentropy").distributions
    fear, surprise, anger = 6, 2, 4
    assert soft[0, [fear, surprise]].tolist() == [0.5, 0.5]
    assert soft[1, [fear, anger]].tolist() == [1.0, 0.0]  # FER+ covers three quarters of the votes
    build_dataset(workspace, collection, GREY, unsure="weigh")
    assert load_dataset(workspace.dataset("own")).samples["votes_unknown"].sum() == 5


def test_what_a_model_takes_is_in_the_kept_picture(shared):
    from fer_core.images import load_image

    picture = load_image(next(iter(sorted((shared / "media").rglob("*.jpg")))))
    box = FaceBox(x=100.0, y=80.0, width=70.0, height=100.0, score=1.0, roll=12.0)
    for spec in (
        GREY,
        InputSpec(
            height=64,
            width=64,
            color="rgb",
            mean=(0.5,) * 3,
            std=(0.2,) * 3,
            framing=FramingSpec(side_per_height=1.3),
        ),
    ):
        direct = extract_crops(picture, [box], spec)[0].astype(float)
        kept = cut_for_model(cut_wide(picture, box), spec).astype(float)
        assert kept.shape == direct.shape
        assert np.abs(kept - direct).mean() < 4  # sampled twice


def test_a_person_is_deleted_everywhere(workspace):
    collection = make_collection(workspace, 8, num_clips=4)
    label_all(collection)
    build_dataset(workspace, collection, GREY)
    assert remove_person(workspace, collection, "person 1") == ["own"]
    assert set(collection.load_faces()["person"]) == {"person 0"}
    assert {face for face, _ in open_labels(collection).read()} == set(collection.load_faces()["face"])
    assert len(list((collection.folder / "faces").iterdir())) == 4
    assert not workspace.dataset("own").exists()
    with pytest.raises(CollectionError, match="known: person 0"):
        remove_person(workspace, collection, "person 1")


def test_the_id_of_a_deleted_face_is_never_given_again(workspace):
    collection = make_collection(workspace, 4, num_clips=4)
    faces = collection.load_faces()
    last = faces.iloc[-1]
    remove_faces(collection, lambda table: table["face"] == last["face"])
    files = (collection.face_file("000001"), collection.frame_file("000001"))
    row = {key: value for key, value in last.items() if key != "face"}
    assert add_faces(collection, [row], [files]) == [f"{int(last['face']) + 1:06d}"]
    remove_faces(collection, lambda table: table["face"] != "")
    assert add_faces(collection, [], []) == []
    assert load_collection(workspace, collection.name).record.last_face == int(last["face"]) + 1


def test_a_collection_is_deleted_with_its_data_sets(workspace, draw_faces):
    collection = make_collection(workspace, 4)
    label_all(collection)
    draw_faces(workspace, "faces", num_images=16)
    build_dataset(workspace, collection, GREY, name="other")
    with pytest.raises(FerError, match="exists already"):
        build_dataset(workspace, collection, GREY, name="faces")
    assert delete_collection(workspace, "own") == ["other"]
    assert workspace.dataset("faces").is_dir()
    assert list_collections(workspace) == []
    with pytest.raises(CollectionError, match="there is no collection 'own'"):
        load_collection(workspace, "own")


def test_nothing_is_made_of_nothing(workspace):
    collection = make_collection(workspace, 2)
    with pytest.raises(CollectionError, match="label some: fer label own"):
        build_dataset(workspace, collection, GREY)


@pytest.mark.parametrize("damage", ["text", "ids"])
def test_a_damaged_table_is_told(workspace, damage):
    collection = make_collection(workspace, 2)
    path = collection.folder / "faces.parquet"
    if damage == "text":
        path.write_text("no table")
    else:
        collection.load_faces().assign(face=["../../x", "000002"]).to_parquet(path)
    with pytest.raises(CollectionError, match=r"is no table|not numbered"):
        collection.load_faces()
