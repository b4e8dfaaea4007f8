import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from fer_core.checkpoint import InputSpec
from fer_core.config import AugmentConfig
from fer_core.data.augment import BatchAugmenter
from fer_core.data.batches import (
    iterate_batches,
    load_batch,
    match_channels,
    normalise,
    shuffle_for_epoch,
)

CPU = torch.device("cpu")
GRAY = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))
RGB = InputSpec(height=24, width=32, color="rgb", mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))


def test_a_batch_keeps_order_and_scale():
    images = np.arange(5, dtype=np.uint8)[:, None, None].repeat(48, 1).repeat(48, 2) * 51
    batch = load_batch(images, np.array([4, 0, 2]), GRAY, CPU)
    assert batch.shape == (3, 1, 48, 48)
    assert batch[:, 0, 0, 0].tolist() == [204 / 255, 0, 102 / 255] or torch.allclose(
        batch[:, 0, 0, 0], torch.tensor([0.8, 0.0, 0.4])
    )


def test_gray_to_rgb_and_resize():
    images = np.full((2, 48, 48), 128, np.uint8)
    batch = load_batch(images, np.array([0, 1]), RGB, CPU)
    assert batch.shape == (2, 3, 24, 32)
    assert torch.allclose(batch, torch.tensor(128 / 255))


def test_rgb_to_gray_weighs_by_luma():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    assert torch.allclose(match_channels(red, 1), torch.tensor(0.299))


def test_normalise_by_hand():
    batch = torch.tensor([0.6, 0.4, 0.6]).view(1, 3, 1, 1)
    assert torch.allclose(normalise(batch, RGB).flatten(), torch.tensor([1.0, 0.0, 1.0]), atol=1e-6)


@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 99), st.integers(1, 9))
def test_an_epoch_visits_everything_once(count, batch_size, seed, epoch):
    order = shuffle_for_epoch(count, seed=seed, epoch=epoch)
    assert (order == shuffle_for_epoch(count, seed=seed, epoch=epoch)).all()
    seen = np.concatenate(list(iterate_batches(order, batch_size)))
    assert sorted(seen) == list(range(count))


def test_epochs_differ():
    assert (shuffle_for_epoch(100, seed=0, epoch=1) != shuffle_for_epoch(100, seed=0, epoch=2)).any()
    assert (shuffle_for_epoch(100, seed=0, epoch=1) != shuffle_for_epoch(100, seed=1, epoch=1)).any()


def test_augmentation_is_seeded_varied_and_in_range():
    images = torch.rand(16, 1, 48, 48)
    augmenter = BatchAugmenter(AugmentConfig(erasing_probability=0.5))
    torch.manual_seed(3)
    first = augmenter(images)
    torch.manual_seed(3)
    assert torch.equal(augmenter(images), first)
    assert first.shape == images.shape
    assert first.min() >= 0
    assert first.max() <= 1
    # Each image is changed in its own way: the same picture sixteen times comes out sixteen different ones.
    torch.manual_seed(3)
    same = augmenter(images[:1].repeat(16, 1, 1, 1))
    assert len({tuple(item.flatten().tolist()) for item in same}) == 16


def test_no_augmentation_is_the_identity():
    off = AugmentConfig(
        flip_probability=0,
        rotation_deg=0,
        scale=0,
        shift=0,
        brightness=0,
        contrast=0,
        erasing_probability=0,
    )
    images = torch.rand(4, 3, 32, 32)
    assert torch.equal(BatchAugmenter(off)(images), images)
