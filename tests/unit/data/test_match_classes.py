"""Targets over other classes than the data set's."""

import numpy as np

from fer_core.data.targets import Targets, match_classes


def test_classes_are_matched_by_name_and_strangers_left_out() -> None:
    shares = np.array([[0.8, 0.2, 0.0], [0.0, 0.5, 0.5], [0.1, 0.3, 0.6]], np.float32)
    targets = Targets(np.array([3, 5, 8]), shares, "by hand")
    found = match_classes(targets, ("joy", "fear", "boredom"), ("fear", "anger", "joy"))
    assert found.indices.tolist() == [3, 5], "the third shows boredom most"
    assert np.allclose(found.distributions, [[0.2, 0, 0.8], [1, 0, 0]])
    assert found.protocol == "by hand"


def test_the_same_classes_are_left_as_they_are() -> None:
    targets = Targets(np.array([0]), np.array([[1, 0]], np.float32), "")
    assert match_classes(targets, ("joy", "fear"), ["joy", "fear"]) is targets
