"""Faces with maps over them, and explanations that fail."""

import numpy as np
import pytest

from app.compare_runs.heat_maps import blend


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 3), (60, 40)])
def test_a_map_of_any_size_lies_on_the_face_in_its_proportions(shape):
    face = np.full(shape, 100, dtype=np.uint8)
    heat = np.zeros((66, 88), dtype=np.float32)
    heat[:, 44:] = 1  # the right half
    blended = blend(face, heat)
    assert blended.dtype == np.uint8
    assert blended.shape[0] * shape[1] == blended.shape[1] * shape[0]
    assert blended.shape[1] >= 96
    left, right = blended[:, 4], blended[:, -4]
    assert (left == 100).all()
    # 35 % of the face and 65 % orange
    assert np.abs(right.astype(float) - [200.75, 106.5, 35.0]).max() < 2
