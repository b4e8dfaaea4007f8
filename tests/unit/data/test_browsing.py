"""Finding images, and many of them as one picture."""

import numpy as np
import pytest

from fer_core.data.browsing import (
    ImageFilter,
    build_sheet,
    compute_descriptors,
    find_images,
    find_similar,
)
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.data.label_quality import name_classes
from fer_core.data.statistics import compute_agreement
from fer_core.palette import emotion_color, hex_to_rgb
from fer_core.workspace import Workspace


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("browsing"))
    write_schematic_faces(workspace, "faces", num_images=200)
    dataset = open_dataset("faces", workspace)
    return dataset, name_classes(dataset), compute_agreement(dataset.votes)


@pytest.mark.parametrize(
    "wanted",
    [
        ImageFilter(),
        ImageFilter(splits=("valid",)),
        ImageFilter(classes=("fear", "anger")),
        ImageFilter(agreement=(0.5, 0.8)),
        ImageFilter(splits=("train",), classes=("disgust",), agreement=(0.6, 1.0), text="FACE 1"),
        ImageFilter(text="no such thing"),
        ImageFilter(text="seed 20240, face 17"),
    ],
)
def test_filters_let_through_what_they_say(faces, wanted):
    dataset, classes, agreement = faces
    expected = [
        row
        for row, sample in enumerate(dataset.samples.itertuples())
        if (not wanted.splits or sample.split in wanted.splits)
        and (not wanted.classes or classes[row] in wanted.classes)
        and wanted.agreement[0] <= agreement[row] <= wanted.agreement[1]
        and wanted.text.lower() in sample.source.lower()
    ]
    assert find_images(dataset, classes, agreement, wanted).tolist() == expected


def test_orders(faces):
    dataset, classes, agreement = faces
    least = find_images(dataset, classes, agreement, ImageFilter(order="least agreed"))
    most = find_images(dataset, classes, agreement, ImageFilter(order="most agreed"))
    assert (np.diff(agreement[least]) >= 0).all()
    assert (np.diff(agreement[most]) <= 0).all()
    shuffled = find_images(dataset, classes, agreement, ImageFilter(order="shuffled"))
    assert sorted(shuffled) == list(range(200))
    assert shuffled.tolist() != list(range(200))
    np.testing.assert_array_equal(
        shuffled, find_images(dataset, classes, agreement, ImageFilter(order="shuffled"))
    )


def test_without_votes_agreement_is_not_asked_about(faces):
    dataset, classes, _ = faces
    assert len(find_images(dataset, classes, None, ImageFilter(agreement=(0.9, 1.0)))) == 200
    assert find_images(dataset, classes, None, ImageFilter(order="least agreed")).tolist() == list(range(200))


@pytest.mark.parametrize("shape", [(5, 48, 48), (5, 20, 40), (5, 30, 30, 3)])
def test_a_sheet_has_every_image_over_the_colour_of_its_class(shape):
    images = np.full(shape, 77, np.uint8)
    sheet = build_sheet(images, ["fear", "anger", "", "fear", "disgust"], num_columns=3, tile_px=60)
    assert sheet.picture.shape[2] == 4
    assert len(sheet.centers) == 5
    for (x, y), name in zip(sheet.centers, ["fear", "anger", "", "fear", "disgust"], strict=True):
        assert sheet.picture[int(y), int(x)].tolist() == [77, 77, 77, 255]
        assert sheet.picture[int(y) + 32, int(x)].tolist() == [*hex_to_rgb(emotion_color(name)), 255]
    assert sheet.picture[-1, -1, 3] == 0, "where no image is, nothing is drawn"
    assert sheet.centers[3][0] == sheet.centers[0][0]


def test_the_most_similar_image_is_the_same_one_in_another_light(faces):
    images = np.array(faces[0].images[:40])
    images[7] = (images[3] * 0.5 + 40).astype(np.uint8)
    descriptors = compute_descriptors(images)
    rows, likeness = find_similar(descriptors, 3, 5)
    assert rows[0] == 7
    assert likeness[0] > 0.999
    assert (np.diff(likeness) <= 0).all()
    assert 3 not in rows
    assert len(find_similar(descriptors[:1], 0, 5)[0]) == 0
    assert np.isfinite(compute_descriptors(np.zeros((2, 48, 48), np.uint8))).all()
