import itertools
import tracemalloc

import numpy as np
import pytest

from fer_core.data import duplicates
from fer_core.data.duplicates import compute_marks, count_near_copies, find_duplicates
from fer_core.data.synthetic import generate_schematic_faces


@pytest.fixture(scope="module")
def faces():
    return generate_schematic_faces(60, seed=3)


def test_planted_duplicates_are_found(faces):
    images = faces.images.copy()
    images[20] = images[3]
    images[41] = images[3]
    images[50] = np.clip(images[7] * 0.9 + 12, 0, 255).astype(np.uint8)
    images[51] = 77
    images[52] = 78
    found = find_duplicates(images)
    assert found.groups == ((3, 20, 41),)
    assert found.num_repeats == 2
    assert found.near_pairs.tolist() == [[7, 50]]
    splits = np.array(["train"] * 30 + ["valid"] * 20 + ["test"] * 10, object)
    assert found.count_cross_split(splits, "valid") == 1
    assert found.repeats(splits) == [3, 20]
    assert found.repeats(splits, kept={3}) == [20, 41]
    assert found.find_leaks(splits) == [41]


def draw_alike(faces, number):
    """Noisy copies of one face, from hardly to hardly like it, among the others."""
    rng = np.random.default_rng(0)
    strength = np.linspace(1, 60, number)[:, None, None]
    noisy = faces.images[0] + strength * rng.normal(0, 1, (number, *faces.images[0].shape))
    return np.concatenate([faces.images, noisy.clip(0, 255).astype(np.uint8)])


def find_near_plainly(images):
    """Each pair for itself, without bands, blocks or what is kept of an image."""
    marks = compute_marks(images)
    rows = np.flatnonzero(~marks.is_blank)
    found = {}
    for a, b in itertools.combinations(
        rows[np.sort(np.unique(marks.digests[rows], return_index=True)[1])], 2
    ):
        if int(marks.hashes[a] ^ marks.hashes[b]).bit_count() <= duplicates.NEAR_BITS:
            correlation = np.corrcoef(*(duplicates.shrink(images[[row]]).ravel() for row in (a, b)))[0, 1]
            if correlation >= duplicates.NEAR_CORRELATION:
                found[int(a), int(b)] = correlation
    return found


def test_near_pairs_are_those_of_a_plain_search_whatever_the_blocks(faces, monkeypatch):
    images = draw_alike(faces, 90)
    images[70], images[71] = images[65], 99
    expected = find_near_plainly(images)
    assert 200 < len(expected) < 1000
    for block, part in ((128, 1024), (7, 5)):
        monkeypatch.setattr(duplicates, "_BLOCK", block)
        monkeypatch.setattr(duplicates, "_PART", part)
        found = find_duplicates(images)
        assert [tuple(pair) for pair in found.near_pairs.tolist()] == list(expected)
        np.testing.assert_allclose(found.near_correlation, list(expected.values()), rtol=1e-6)


def test_an_image_is_shrunk_once_however_many_it_resembles(faces, monkeypatch):
    images = draw_alike(faces, 90)
    marks = compute_marks(images)
    shrunk = []
    monkeypatch.setattr(
        duplicates, "shrink", lambda part, shrink=duplicates.shrink: shrunk.append(len(part)) or shrink(part)
    )
    assert len(find_duplicates(images, marks=marks).near_pairs) > 200
    assert sum(shrunk) <= len(images)


def test_the_search_can_be_stopped_before_its_longest_part(faces, monkeypatch):
    """Of images that are all alike the correlations take longest: progress is still low then."""
    images = draw_alike(faces, 90)
    monkeypatch.setattr(duplicates, "_BLOCK", 16)
    log = []
    monkeypatch.setattr(
        duplicates,
        "_correlate",
        lambda a, b, correlate=duplicates._correlate: log.append("correlate") or correlate(a, b),
    )
    find_duplicates(images, on_progress=lambda done, total: log.append((done, total)))
    steps = [step for step in log if step != "correlate"]
    assert steps == sorted(steps) and steps[-1] == (150, 150)
    last = len(log) - 1 - log[::-1].index("correlate")
    assert log[last - 1][0] < 150 and log.count("correlate") > 3

    def stop(done, total):
        raise KeyboardInterrupt

    log.clear()
    with pytest.raises(KeyboardInterrupt):
        find_duplicates(images, on_progress=stop)
    assert log.count("correlate") <= 1


def test_pairs_of_alike_images_are_kept_once_while_searching(faces):
    """2,000 frames of a clip took 820 MB: each pair was kept for each of seven bands."""
    rng = np.random.default_rng(0)
    images = (
        (faces.images[0] + rng.integers(-2, 3, (700, *faces.images[0].shape))).clip(0, 255).astype(np.uint8)
    )
    marks = compute_marks(images)
    tracemalloc.start()
    found = find_duplicates(images, marks=marks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.near_pairs) == 700 * 699 // 2
    assert peak < 120 * len(found.near_pairs)


def test_blank_and_constant_images(faces):
    images = faces.images[:10].copy()
    images[2] = 128
    images[5] = np.linspace(0, 200, 48, dtype=np.uint8)[None]
    marks = compute_marks(images)
    assert np.flatnonzero(marks.is_constant).tolist() == [2]
    assert np.flatnonzero(marks.is_blank).tolist() == [2, 5]


def test_near_copies_of_learnt_images_are_counted_blank_ones_are_not(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (60, 24, 24), dtype=np.uint8)
    images[40:45] = images[:5] + 9  # near copies, brighter
    images[45] = images[6]
    images[50:] = 128
    is_scored = np.arange(60) >= 40
    assert count_near_copies(images, is_scored) == (6, 10)
    assert count_near_copies(images[:40], is_scored[:40]) == (0, 0)
    monkeypatch.setattr(duplicates, "_MAX_COMPARED", 4)
    monkeypatch.setattr(duplicates, "_MAX_LEARNT", 20)
    num_copies, num_compared = count_near_copies(images[:50], is_scored[:50])
    assert num_copies <= num_compared == 4
