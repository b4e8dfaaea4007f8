"""What a data set is made of, on pictures that one can work out by hand."""

import numpy as np
import pytest

from fer_core.data.statistics import (
    compute_agreement,
    compute_class_faces,
    compute_image_statistics,
    count_classes,
)


def objects(*values):
    return np.array(values, object)


def test_classes_are_counted_by_split():
    counts = count_classes(
        objects("train", "train", "train", "valid", "train"), objects("fear", "anger", "fear", "fear", "")
    )
    assert counts == {"train": {"fear": 2, "anger": 1, "": 1}, "valid": {"fear": 1}}


def test_agreement_is_the_share_of_the_most_frequent_answer():
    votes = np.array([[9, 1, 0], [5, 5, 0], [0, 0, 3], [0, 0, 0]], float)
    np.testing.assert_allclose(compute_agreement(votes), [0.9, 0.5, 1.0, np.nan])


def test_light_and_sharpness():
    even = np.full((6, 6), 51, np.uint8)
    halves = np.zeros((6, 6), np.uint8)
    halves[:, 3:] = 255
    told = []
    found = compute_image_statistics(np.stack([even, halves]), lambda *done: told.append(done))
    assert found["brightness"].tolist() == pytest.approx([0.2, 0.5])
    assert found["contrast"].tolist() == pytest.approx([0, 0.5], abs=1e-6)
    # Inside, the Laplacian of the step is 0, 1, -1, 0 along each of the four rows: deviation sqrt(1/2).
    assert found["sharpness"].tolist() == pytest.approx([0, np.sqrt(0.5)], abs=1e-6)
    assert told == [(2, 2)]


def test_colour_counts_by_luma_and_parts_make_no_difference(monkeypatch):
    red = np.zeros((5, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert compute_image_statistics(red)["brightness"].tolist() == pytest.approx([0.299] * 5)
    images = np.random.default_rng(0).integers(0, 256, (7, 9, 9), dtype=np.uint8)
    whole = compute_image_statistics(images)
    monkeypatch.setattr("fer_core.data.statistics._PART", 3)
    np.testing.assert_allclose(compute_image_statistics(images), whole)


def test_mean_and_variation_of_each_class():
    images = np.zeros((4, 2, 2), np.uint8)
    images[1] = 100
    images[2] = [[10, 20], [30, 40]]
    faces = compute_class_faces(images, objects("fear", "fear", "anger", ""), ["anger", "disgust", "fear"])
    assert [(face.name, face.num_images) for face in faces] == [("anger", 1), ("fear", 2)]
    assert faces[0].mean.tolist() == [[10, 20], [30, 40]]
    assert faces[0].deviation.max() == 0
    assert (faces[1].mean == 50).all()
    assert (faces[1].deviation == 255).all(), "the largest deviation of all is drawn white"
