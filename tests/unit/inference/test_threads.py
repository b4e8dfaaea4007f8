"""Thread pools are set on purpose."""

from collections.abc import Iterator

import cv2
import pytest
import torch

from fer_core.errors import ConfigError
from fer_core.inference import threads


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (4, 2), (8, 4), (64, 4)])
def test_inference_takes_half_the_cores_and_never_many(
    monkeypatch: pytest.MonkeyPatch, cores: int, expected: int
) -> None:
    monkeypatch.setattr(threads, "count_cores", lambda: cores)
    assert threads.inference_threads() == expected
    assert threads.limit_threads() == expected
    assert torch.get_num_threads() == expected


def test_a_number_can_be_given() -> None:
    assert threads.limit_threads(2) == 2
    assert torch.get_num_threads() == 2 and cv2.getNumThreads() == 2


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="threads is -1"):
        threads.limit_threads(-1)
