import json

import numpy as np
import pytest

from fer_core.inference.pipeline import (
    FIXED_COLUMNS,
    FacePipeline,
    build_pipeline,
    compute_rows,
    export_json,
)
from tests.unit.inference.test_predictor import make_predictor


class TwoFaces:
    name = "two"

    def detect(self, image_rgb):
        from fer_core.types import FaceBox

        return [FaceBox(x=x, y=10, width=30, height=40, score=score) for x, score in ((10, 0.9), (60, 0.8))]


def test_faces_table_and_json_tell_the_same():
    pipeline = FacePipeline(TwoFaces(), make_predictor())
    image = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    analysis = pipeline.examine(image)
    assert (analysis.width_px, analysis.height_px, analysis.detector) == (120, 80, "two")
    assert list(analysis.faces) == pipeline.analyze(image)
    rows = compute_rows(analysis.faces)
    assert [row["face"] for row in rows] == [1, 2]
    assert list(rows[0]) == [*FIXED_COLUMNS, *analysis.classes]
    assert rows[0]["confidence"] == max(rows[0][name] for name in analysis.classes)
    document = json.loads(json.dumps(export_json([("a.jpg", analysis)])))
    assert document["schema_version"] == 1
    told = document["images"][0]["faces"][1]
    assert told["label"] == rows[1]["label"]
    assert list(told["probabilities"].values()) == sorted(told["probabilities"].values(), reverse=True)
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_no_faces_and_no_pictures():
    pipeline = FacePipeline(TwoFaces(), make_predictor())
    pipeline.detector.detect = lambda image: []
    analysis = pipeline.examine(np.zeros((40, 40, 3), np.uint8))
    assert analysis.faces == ()
    assert compute_rows(analysis.faces) == []
    assert export_json([])["images"] == []


def test_whole_image_shows_the_model_the_whole_picture(workspace):
    predictor = make_predictor()
    picture = np.random.default_rng(1).integers(0, 256, (24, 24), dtype=np.uint8)
    face = build_pipeline("whole-image", predictor, workspace).analyze(
        np.repeat(picture[..., None], 3, axis=2)
    )
    expected = predictor.predict_crops(picture[None])[0]
    assert face[0].prediction.probabilities == pytest.approx(expected, abs=0.02)
