"""What is drawn onto a picture: where, in which colours, and what is left alone."""

import numpy as np
import pytest

from fer_core.errors import ConfigError
from fer_core.inference import panel
from fer_core.inference.overlay import OverlayPainter, OverlayStyle, draw_overlay, shown_label
from fer_core.labels import EMOTIONS
from fer_core.palette import UNKNOWN_COLOR, emotion_color, hex_to_rgb
from fer_core.types import FaceBox, FaceResult, Prediction, UInt8Array


def face(
    x: float = 100,
    y: float = 100,
    width: float = 90,
    height: float = 120,
    label: str = "happiness",
    confidence: float = 0.8,
    track_id: int | None = None,
) -> FaceResult:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    values = [confidence if name == label else rest for name in EMOTIONS]
    return FaceResult(
        box=FaceBox(x=x, y=y, width=width, height=height, score=0.9),
        prediction=Prediction.from_array(EMOTIONS, values),
        track_id=track_id,
        expected_correctness=confidence,
    )


def plain(value: int = 128, height: int = 480, width: int = 640) -> UInt8Array:
    return np.full((height, width, 3), value, np.uint8)


def num_pixels_of(image: UInt8Array, color: str) -> int:
    return int((image == np.array(hex_to_rgb(color), np.uint8)).all(axis=2).sum())


def test_the_picture_itself_is_not_changed() -> None:
    image = plain()
    drawn = draw_overlay(image, [face()])
    assert (image == 128).all()
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert (drawn != image).any()


def test_without_faces_the_copy_is_the_picture() -> None:
    image = plain()
    drawn = draw_overlay(image, [])
    assert drawn is not image
    np.testing.assert_array_equal(drawn, image)


@pytest.mark.parametrize("label", EMOTIONS)
def test_the_box_has_the_emotions_colour(label: str) -> None:
    drawn = draw_overlay(plain(), [face(label=label)])
    np.testing.assert_array_equal(drawn[100, 145], hex_to_rgb(emotion_color(label)))


def test_the_longest_bar_is_as_long_as_its_probability_says() -> None:
    def bar_pixels(confidence: float) -> int:
        with_bars = num_pixels_of(draw_overlay(plain(), [face(confidence=confidence)]), "#e69f00")
        style = OverlayStyle(top_k=1, sure_from=0)
        empty = num_pixels_of(draw_overlay(plain(), [face(label="fear", confidence=1.0)], style), "#e69f00")
        return with_bars - empty

    base = bar_pixels(0.5)
    assert bar_pixels(1.0) > bar_pixels(0.75) > base
    # The box and the stripe have the colour too, so compare growth: it is linear in the probability.
    assert bar_pixels(1.0) - bar_pixels(0.75) == pytest.approx(bar_pixels(0.75) - base, rel=0.15)


def test_an_uncertain_face_is_grey_and_says_so() -> None:
    weak = face(confidence=0.3)
    drawn = draw_overlay(plain(), [weak])
    assert num_pixels_of(drawn, emotion_color("happiness")) == 0
    assert num_pixels_of(drawn, UNKNOWN_COLOR) > 100
    assert shown_label(weak, 0.4) == "uncertain"
    assert shown_label(weak, 0.2) == "happiness"


def test_an_uncertain_face_has_other_text_than_a_sure_one_of_a_grey_class() -> None:
    drawn = {
        threshold: draw_overlay(
            plain(), [face(label="neutral", confidence=0.5)], OverlayStyle(sure_from=threshold)
        )
        for threshold in (0.0, 0.9)
    }
    assert (drawn[0.0] != drawn[0.9]).any()


def test_more_bars_make_a_taller_panel() -> None:
    def changed_rows(top_k: int) -> int:
        drawn = draw_overlay(plain(), [face(height=20)], OverlayStyle(top_k=top_k))
        return int((drawn != 128).any(axis=(1, 2)).sum())

    rows = [changed_rows(top_k) for top_k in (1, 3, 8)]
    assert rows[0] < rows[1] < rows[2]
    assert changed_rows(20) == rows[2], "there are only eight classes"


def test_no_bars_leave_the_tag_alone() -> None:
    drawn = draw_overlay(plain(), [face(height=60)], OverlayStyle(top_k=0))
    assert 55 <= int((drawn != 128).any(axis=(1, 2)).sum()) <= 75


def test_the_number_is_the_tracks_id_or_the_place_in_the_list() -> None:
    by_place = draw_overlay(plain(), [face()])
    np.testing.assert_array_equal(draw_overlay(plain(), [face(track_id=1)]), by_place)
    assert (draw_overlay(plain(), [face(track_id=7)]) != by_place).any()
    hidden = OverlayStyle(show_numbers=False)
    np.testing.assert_array_equal(
        draw_overlay(plain(), [face(track_id=7)], hidden), draw_overlay(plain(), [face()], hidden)
    )


@pytest.mark.parametrize("value", [0, 255])
def test_text_is_readable_on_dark_and_light(value: int) -> None:
    """Beside the box, white text stands on a plate at least 4.5 times darker (WCAG AA)."""
    drawn = draw_overlay(plain(value), [face()])
    panel = drawn[100:170, 200:330].astype(float) / 255
    linear = np.where(panel <= 0.04045, panel / 12.92, ((panel + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    assert (luminance > 0.9).sum() > 50, "there is white text"
    assert 1.05 / (np.median(luminance) + 0.05) > 4.5


def test_text_grows_with_the_frame() -> None:
    def panel_area(scale: int) -> int:
        image = plain(128, 240 * scale, 320 * scale)
        drawn = draw_overlay(image, [face(20 * scale, 20 * scale, 60 * scale, 80 * scale)])
        return int((drawn[:, 90 * scale :] != 128).any(axis=2).sum())

    assert panel_area(6) > 7 * panel_area(2)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (20, 20), (120, 160)])
def test_tiny_frames_are_drawn_without_an_error(size: tuple[int, int]) -> None:
    image = plain(128, *size)
    drawn = draw_overlay(image, [face(0, 0, size[1], size[0]), face(0.5, 0.5, 1, 1)])
    assert drawn.shape == image.shape


def test_boxes_outside_the_frame_are_cut() -> None:
    drawn = draw_overlay(plain(), [face(-40, -50), face(600, 440), face(3000, 3000)])
    assert drawn.shape == (480, 640, 3)


def test_non_contiguous_pictures_are_drawn_as_they_look() -> None:
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    mirrored = image[:, ::-1]
    np.testing.assert_array_equal(
        draw_overlay(mirrored, [face()]), draw_overlay(np.ascontiguousarray(mirrored), [face()])
    )


def test_classes_beyond_the_eight_emotions_are_drawn() -> None:
    prediction = Prediction.from_array(["überrascht", "schläfrig"], [0.9, 0.1])
    result = FaceResult(box=FaceBox(x=50, y=50, width=50, height=60, score=1), prediction=prediction)
    assert num_pixels_of(draw_overlay(plain(), [result]), UNKNOWN_COLOR) > 100


def test_a_painter_gives_detail_back_only_now_and_then() -> None:
    """Two frames alternate between room and no room: after giving up detail, the panel stays small."""
    painter = OverlayPainter()
    roomy, cramped = [face(20, 100)], [face(20 * place, 100 + 9 * place) for place in range(12)]
    full = painter.draw(plain(), roomy)
    painter.draw(plain(), cramped)
    after = painter.draw(plain(), roomy)
    assert (after != full).any()
    for _ in range(60):
        after = painter.draw(plain(), roomy)
    np.testing.assert_array_equal(after, full)


def test_a_face_that_moves_costs_no_new_text_and_touches_only_its_surroundings() -> None:
    painter = OverlayPainter()
    painter.draw(plain(), [face(100, 100, track_id=3)])
    known = panel._text_mask.cache_info().misses
    for step in range(30):
        drawn = painter.draw(plain(), [face(100 + step, 100, track_id=3)])
    assert panel._text_mask.cache_info().misses == known, "letters are drawn once"
    changed = (drawn != plain()).any(axis=2)
    assert 0 < changed.mean() < 0.1


@pytest.mark.parametrize(
    "setting", [{"top_k": -1}, {"sure_from": 1.5}, {"sure_from": -0.1}, {"font_scale": 0.0}]
)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        OverlayStyle(**setting)  # type: ignore[arg-type]
