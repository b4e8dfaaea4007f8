"""Models on other sources, by hand: one that always answers the same, on faces of seven classes."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from fer_core.checkpoint import find_checkpoint, save_checkpoint_info
from fer_core.cli import main
from fer_core.data.store import load_dataset, write_dataset
from fer_core.errors import ConfigError, DataError
from fer_core.evaluation.sources import choose_split, find_training_data
from fer_core.inference.crosscheck import crosscheck
from fer_core.types import FaceBox, Prediction
from tests.small_models import save_small_model

CHANCES = {"neutral": 0.3, "happiness": 0.2, "contempt": 0.5}
LEARNED = {"neutral": 0.6, "happiness": 0.1, "contempt": 0.3}
"""Expecting equal shares of the two common classes: 0.3 / 0.6 against 0.2 / 0.1, so happiness is at 0.8."""


@pytest.fixture
def world(workspace):
    folder = save_small_model(workspace, "model", chances=CHANCES)
    info = find_checkpoint("model", workspace).info
    save_checkpoint_info(folder, dataclasses.replace(info, data={"class_prior": LEARNED}))
    write_dataset(
        workspace.dataset("other"),
        images=np.zeros((4, 48, 48), np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None],
        samples=pd.DataFrame(
            {
                "split": ["train", "train", "valid", "test"],
                "label": ["happiness", "happiness", "happiness", "neutral"],
                "source": "s",
                "image_name": "",
            }
        ),
        classes=("happiness", "neutral"),
        importer="t",
        source="s",
    )
    return workspace


def test_figures_with_and_without_expected_shares_by_hand(world):
    entry, data = find_checkpoint("model", world), load_dataset(world.dataset("other"))
    scores = crosscheck(entry, data, priors=("training", "uniform"), device="cpu")
    plain, equal = (score.report for score in scores)
    # All four images are answered alike, so none is surer than another.
    assert scores[0].by_confidence.accuracy == pytest.approx((1 / 4,) * 4)
    assert scores[1].by_confidence.aurc == pytest.approx(1 / 4)
    # Without contempt: neutral 0.6, happiness 0.4, on all four images of all splits.
    assert (plain.n, plain.classes) == (4, ("neutral", "happiness"))
    assert plain.figures["accuracy"].value == pytest.approx(1 / 4)
    assert plain.figures["ece"].value == pytest.approx(0.6 - 1 / 4)
    assert plain.figures["brier"].value == pytest.approx((3 * 2 * 0.6**2 + 2 * 0.4**2) / 4)
    assert "the model's contempt not offered" in plain.subject.protocol and plain.subject.split == "all"
    assert equal.figures["accuracy"].value == pytest.approx(3 / 4)
    assert equal.figures["balanced_accuracy"].value == pytest.approx(1 / 2)
    assert equal.figures["macro_f1"].value == pytest.approx((0 + 6 / 7) / 2)
    assert equal.figures["ece"].value == pytest.approx(0.8 - 3 / 4)
    assert equal.figures["brier"].value == pytest.approx((3 * 2 * 0.2**2 + 2 * 0.8**2) / 4)
    assert equal.subject.protocol.endswith("expecting uniform shares")
    assert equal.reliability["as predicted"]["confidence"] == pytest.approx([0.8])


def test_of_its_own_data_only_what_it_was_not_trained_on(world):
    entry, data = find_checkpoint("model", world), load_dataset(world.dataset("other"))
    info = dataclasses.replace(entry.info, data={"fingerprint": data.info.fingerprint})
    assert (choose_split(entry.info, data), choose_split(info, data)) == ("all", "valid")


def test_pictures_that_it_was_trained_on_are_left_out_of_other_sources(world):
    entry, data = find_checkpoint("model", world), load_dataset(world.dataset("other"))
    training = write_dataset(
        world.dataset("own"),
        images=np.zeros((2, 48, 48), np.uint8) + np.array([0, 2], np.uint8)[:, None, None],
        samples=pd.DataFrame(
            {"split": ["train", "valid"], "label": "happiness", "source": "s", "image_name": ""}
        ),
        classes=("happiness", "neutral"),
        importer="t",
        source="s",
    )
    own = {**entry.info.data, "name": "own", "fingerprint": training.fingerprint}
    save_checkpoint_info(entry.folder, dataclasses.replace(entry.info, data=own))
    entry = find_checkpoint("model", world)
    known = find_training_data(entry.info, world)
    ((report, _, _),) = crosscheck(entry, data, training=known, priors=("general",), device="cpu")
    assert report.n == 3, "the first image has the pixels of its only training image"
    assert "without 1 that it was trained on" in report.subject.protocol
    first = dataclasses.replace(data, samples=data.samples.assign(split=["a", "b", "b", "b"]))
    with pytest.raises(DataError, match="all 1 images"):
        crosscheck(entry, first, training=known, split="a", priors=("general",), device="cpu")


class DarkIsNoFace:
    """Finds a small and a large face on all images but the first two."""

    name = "made up"

    def detect(self, image_rgb):
        if image_rgb.max() < 2:
            return []
        return [FaceBox(x=0, y=0, width=size, height=size, score=0.9) for size in (5.0, 20.0)]


class ReadsLargeFaces:
    """Says happiness of large faces, and contempt, which nobody may choose here, most of all."""

    def __init__(self, info):
        self.info = info

    def predict(self, image_rgb, boxes):
        assert image_rgb.shape == (48, 48, 3)
        assert [box.width for box in boxes] == [20.0]
        return [Prediction.from_array(self.info.classes, np.array([0.1, 0.3, 0.6], np.float32))]


def test_faces_cut_again_are_read_from_the_largest_and_the_others_counted(world):
    entry, data = find_checkpoint("model", world), load_dataset(world.dataset("other"))
    cutter = (DarkIsNoFace(), ReadsLargeFaces(entry.info))
    ((report, _, _),) = crosscheck(entry, data, priors=("training",), cutter=cutter, device="cpu")
    assert report.n == 2
    assert report.figures["accuracy"].value == pytest.approx(1 / 2)
    assert report.figures["ece"].value == pytest.approx(0.75 - 1 / 2)
    assert "2 images without one left out" in report.subject.protocol
    with pytest.raises(DataError, match="no face was found on any of 2 images"):
        crosscheck(entry, data, split="train", cutter=cutter, device="cpu")


def test_a_model_that_does_not_say_its_shares(world):
    save_small_model(world, "silent", chances=CHANCES)
    data = load_dataset(world.dataset("other"))
    with pytest.raises(ConfigError, match="does not say how often"):
        crosscheck(find_checkpoint("silent", world), data, device="cpu")


def test_the_command(world, tmp_path, capsys):
    out = tmp_path / "figures.json"
    arguments = ["crosscheck", "model", "--datasets", "other", "nowhere", "--resamples", "0"]
    assert main([*arguments, "--out", str(out)]) == 1, "one of two sources is not there"
    printed = capsys.readouterr()
    assert "nowhere" in printed.err
    assert "model: other, all, single label, over the 2 classes that both have" in printed.out
    rows = json.loads(out.read_text())
    assert [(row["prior"], row["n"], row["classes"]) for row in rows] == [
        ("general", 4, 2),
        ("training", 4, 2),
        ("uniform", 4, 2),
    ]
    assert rows[2]["accuracy"] == pytest.approx(3 / 4)
    assert rows[0]["ece_low"] is None or math.isnan(rows[0]["ece_low"])
    assert main(["crosscheck", "model", "--datasets", "other", "--out", "x.txt"]) == 1
