"""Images corrupted as by a webcam."""

import pytest
import torch

from fer_core.config import AugmentConfig, load_augment_policy
from fer_core.data import random_corruption
from fer_core.data.augment import BatchAugmenter
from fer_core.data.random_corruption import RandomCorruption


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def sharpness(images):
    return (images[..., 1:] - images[..., :-1]).abs().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_each_way_does_what_it_says(channels):
    images = torch.rand(16, channels, 48, 40)
    before = images.clone()
    for way in (
        random_corruption.blur_images,
        random_corruption.lower_resolution,
        random_corruption.lower_contrast,
    ):
        changed = way(images)
        assert changed.shape == images.shape
        assert (sharpness(changed) < sharpness(images)).all()
        torch.testing.assert_close(changed.mean(), images.mean(), atol=0.02, rtol=0)
    assert (
        random_corruption.darken_images(images).mean(dim=(1, 2, 3)) < 0.72 * images.mean(dim=(1, 2, 3))
    ).all()
    noise = (random_corruption.add_noise(images) - images).std(dim=(1, 2, 3))
    assert ((noise > 0.005) & (noise < 0.11)).all()
    torch.testing.assert_close(images, before)


def test_blur_is_a_gaussian_of_its_own_for_each_picture():
    image = torch.zeros(2, 1, 41, 41)
    image[:, :, 20, 20] = 1
    blurred = random_corruption.blur_images(image)
    torch.testing.assert_close(blurred.sum(dim=(1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(blurred, blurred.transpose(2, 3))
    assert not torch.allclose(blurred[0], blurred[1])


def test_even_pictures_stay_as_they_are_where_only_detail_is_lost():
    even = torch.full((8, 1, 24, 24), 0.3)
    for way in (
        random_corruption.blur_images,
        random_corruption.lower_resolution,
        random_corruption.lower_contrast,
    ):
        torch.testing.assert_close(way(even), even)


@pytest.mark.parametrize("probability", [0.0, 0.4, 1.0])
def test_as_many_are_corrupted_as_were_asked_for(probability):
    images = torch.rand(1000, 1, 32, 32)
    changed = (RandomCorruption(probability)(images) != images).flatten(1).any(dim=1).float().mean()
    assert changed.item() == pytest.approx(probability, abs=0.05)


def test_it_is_part_of_the_augmentation():
    config = load_augment_policy("none")
    assert not len(BatchAugmenter(config).chain)
    policy = load_augment_policy("webcam")
    assert policy.degrade_probability > 0
    chain = BatchAugmenter(policy).chain
    assert any(isinstance(part, RandomCorruption) for part in chain)
    changed = BatchAugmenter(AugmentConfig(degrade_probability=1.0))(torch.rand(8, 3, 48, 48))
    assert changed.min() >= 0 and changed.max() <= 1
