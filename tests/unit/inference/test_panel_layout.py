"""Panels beside faces: properties that must hold whatever the crowd."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_core.inference.panel_layout import Placement, layout_panels
from fer_core.types import FaceBox

LEVELS = [(180, 90), (120, 60), (90, 20), (30, 14)]


def box(x: float, y: float, width: float = 60, height: float = 80) -> FaceBox:
    return FaceBox(x=x, y=y, width=width, height=height, score=1.0)


def shared_area(first: Placement, left: float, top: float, right: float, bottom: float) -> float:
    width = min(first.x + first.width, right) - max(first.x, left)
    height = min(first.y + first.height, bottom) - max(first.y, top)
    return max(width, 0) * max(height, 0)


def panel_overlap(first: Placement, second: Placement) -> float:
    return shared_area(first, second.x, second.y, second.x + second.width, second.y + second.height)


def face_overlap(panel: Placement, face: FaceBox, frame: tuple[int, int]) -> float:
    edges = [face.x, face.y, face.x + face.width, face.y + face.height]
    edges[0::2] = np.round(np.clip(edges[0::2], 0, frame[0]))
    edges[1::2] = np.round(np.clip(edges[1::2], 0, frame[1]))
    return shared_area(panel, *edges)


coordinates = st.floats(-200, 900, allow_nan=False)
sides = st.floats(1, 400, allow_nan=False)
crowds = st.lists(st.builds(box, coordinates, coordinates, sides, sides), max_size=30)
frames = st.tuples(st.integers(1, 800), st.integers(1, 600))


@settings(max_examples=150, deadline=None)
@given(crowds, frames)
def test_panels_stay_inside_and_apart_and_off_the_other_faces(
    boxes: list[FaceBox], frame: tuple[int, int]
) -> None:
    placements = layout_panels(boxes, [LEVELS] * len(boxes), frame)
    assert len(placements) == len(boxes)
    placed = [item for item in placements if item is not None]
    for panel in placed:
        assert (panel.width, panel.height) == LEVELS[panel.level]
        assert panel.x >= 0 and panel.y >= 0
        assert panel.x + panel.width <= frame[0] and panel.y + panel.height <= frame[1]
    for index, panel in enumerate(placed):
        assert all(panel_overlap(panel, other) == 0 for other in placed[:index])
    for index, panel in enumerate(placements):
        if panel is not None and panel.level < len(LEVELS) - 1:
            others = [face for place, face in enumerate(boxes) if place != index]
            assert all(face_overlap(panel, face, frame) == 0 for face in others)


@settings(max_examples=50, deadline=None)
@given(crowds, frames)
def test_the_layout_depends_on_nothing_but_its_arguments(
    boxes: list[FaceBox], frame: tuple[int, int]
) -> None:
    sizes = [LEVELS] * len(boxes)
    assert layout_panels(boxes, sizes, frame) == layout_panels(boxes, sizes, frame)


def test_one_face_has_its_panel_on_the_right() -> None:
    (panel,) = layout_panels([box(100, 50)], [LEVELS], (640, 480))
    assert panel == Placement(level=0, x=163, y=50, width=180, height=90)


def test_at_the_right_edge_the_panel_moves_to_the_left() -> None:
    (panel,) = layout_panels([box(570, 50)], [LEVELS], (640, 480))
    assert panel == Placement(level=0, x=570 - 3 - 180, y=50, width=180, height=90)


def test_a_face_that_fills_the_frame_keeps_its_middle_free() -> None:
    (panel,) = layout_panels([box(0, 0, 640, 480)], [LEVELS], (640, 480))
    assert panel is not None
    assert panel.level == 0
    assert shared_area(panel, 200, 120, 440, 360) == 0


def test_detail_is_given_up_step_by_step() -> None:
    """A narrower frame round the same face: smaller panel, then the tag, then the number, then nothing."""
    face = [box(0, 0, 60, 80)]
    levels = []
    for frame in [(243, 90), (183, 90), (153, 90), (80, 90), (60, 90), (29, 90)]:
        (panel,) = layout_panels(face, [LEVELS], frame)
        levels.append(None if panel is None else panel.level)
    assert levels == [0, 1, 2, 3, 3, None]


def test_one_crowded_face_in_eight_does_not_cost_the_others_their_bars() -> None:
    faces = [box(20 + 260 * (index % 4), 20 + 200 * (index // 4), 30, 40) for index in range(7)]
    inside_another = box(faces[6].x + 5, faces[6].y + 5, 15, 15)
    placements = layout_panels([*faces, inside_another], [LEVELS] * 8, (1080, 400))
    levels = [item.level for item in placements if item]
    assert sorted(levels) == [0] * 7 + [3]


def test_the_first_level_can_be_set() -> None:
    (panel,) = layout_panels([box(100, 50)], [LEVELS], (640, 480), first_level=2)
    assert panel is not None
    assert panel.level == 2


def test_no_faces_no_panels() -> None:
    assert layout_panels([], [], (640, 480)) == []


@pytest.mark.parametrize("num_faces", [15, 29])
def test_a_row_of_many_faces_keeps_names_readable(num_faces: int) -> None:
    """Shoulder to shoulder over the width of a large picture everyone still gets at least a number."""
    pitch = 1920 / num_faces
    faces = [
        box(pitch * index, 300 + 40 * (index % 3), 0.6 * pitch, 0.8 * pitch) for index in range(num_faces)
    ]
    placements = layout_panels(faces, [LEVELS] * num_faces, (1920, 1080))
    assert all(placements)
    assert all(first != second for first, second in pairwise(placements))
    assert sum(item.level < 3 for item in placements if item) >= 0.8 * num_faces
