from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fer_core.checkpoint import FramingSpec, InputSpec
from fer_core.framing import Square, compute_box, compute_square, extract_square
from fer_core.inference.crop import extract_crops
from fer_core.types import FaceBox

GRAY = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))
RGB = InputSpec(height=32, width=32, color="rgb", mean=(0.5,) * 3, std=(0.25,) * 3)
EXACT = FramingSpec(side_per_height=1.0, shift_up=0.0)


def box(x, y, width, height):
    return FaceBox(x=x, y=y, width=width, height=height, score=1.0)


def test_framing_by_hand():
    """Height 100 gives a side of 104, whose centre lies 0.02 x 104 above the box's centre."""
    square = compute_square(box(10, 20, 80, 100), FramingSpec())
    assert square.side == pytest.approx(104)
    assert square.x + square.side / 2 == pytest.approx(50)
    assert square.y + square.side / 2 == pytest.approx(70 - 2.08)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_is_cut_out_upright(quarters):
    """The same pixels as those of the upright picture; the framing's shift goes towards the hair."""
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    face = box(40, 30, 30, 40)
    turned = np.ascontiguousarray(np.rot90(image, -quarters))
    x, y = {1: (100 - 30 - 40, 40), 2: (120 - 40 - 30, 100 - 30 - 40), 3: (30, 120 - 40 - 30)}[quarters]
    sides = (40, 30) if quarters % 2 else (30, 40)
    same = replace(box(x, y, *sides), roll=(90, 180, -90)[quarters - 1])
    framing = FramingSpec(side_per_height=1.2, shift_up=0.25)
    expected, found = (
        extract_square(picture, compute_square(place, framing), width=48, height=48)
        for picture, place in ((image, face), (turned, same))
    )
    assert np.abs(expected.astype(int) - found).max() <= 1


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 900))
def test_box_and_square_are_inverse(x, y, side):
    framing = FramingSpec(side_per_height=1.3, shift_up=0.1)
    square = compute_square(
        compute_box(Square(x=x, y=y, side=side), framing, aspect=0.76, score=1.0), framing
    )
    assert (square.x, square.y, square.side) == pytest.approx((x, y, side), abs=1e-6)


def test_an_aligned_square_is_copied_exactly():
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    crop = extract_square(image, Square(x=30, y=20, side=48), width=48, height=48)
    assert (crop == image[20:68, 30:78]).all()


def test_shrinking_averages():
    """A checkerboard shrinks to grey; picking single pixels would give black or white."""
    board = np.indices((192, 192)).sum(axis=0) % 2 * 255
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    crop = extract_square(image, Square(x=0, y=0, side=192), width=48, height=48)
    assert np.abs(crop.astype(int) - 127).max() <= 1


def test_outside_the_edge_is_repeated():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :1] = 200
    crop = extract_square(image, Square(x=-48, y=0, side=48), width=48, height=48)
    assert (crop == 200).all()


def test_gray_uses_luma_and_rgb_keeps_colour():
    image = np.zeros((60, 60, 3), np.uint8)
    image[..., 1] = 100  # green
    face = [box(10, 10, 30, 30)]
    assert np.abs(extract_crops(image, face, GRAY).astype(int) - round(0.587 * 100)).max() <= 1
    assert extract_crops(image, face, RGB)[0, 16, 16].tolist() == [0, 100, 0]


def test_no_faces_is_an_empty_batch():
    image = np.zeros((60, 60, 3), np.uint8)
    assert extract_crops(image, [], GRAY).shape == (0, 48, 48)
    assert extract_crops(image, [], RGB).shape == (0, 32, 32, 3)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-3000, 3000),
    st.floats(-3000, 3000),
    st.floats(0.01, 1_000),
    st.integers(16, 200),
    st.integers(16, 200),
)
@example(-3000.0, 3000.0, 20_000.0, 16, 200)
@example(-500.0, -500.0, 20_000.0, 200, 16)
def test_any_box_gives_a_crop(x, y, height, rows, columns):
    image = np.full((rows, columns, 3), 77, np.uint8)
    crops = extract_crops(image, [box(x, y, height * 0.8, height)], GRAY)
    assert crops.shape == (1, 48, 48)
    assert (crops == 77).all()


def test_a_slowly_moving_face_does_not_jump():
    """Half a pixel to the right is half a pixel to the right."""
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (100, 1, 3))
    first = extract_square(ramp, Square(x=20, y=20, side=48), width=48, height=48)
    second = extract_square(ramp, Square(x=21, y=20, side=48), width=48, height=48)
    assert (second.astype(int) - first == 1).all()
