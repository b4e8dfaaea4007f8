import numpy as np
import pandas as pd
import pytest

from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.data.store import SCHEMATIC_FACES, VOTE_COLUMNS, load_dataset, write_dataset
from fer_core.data.targets import (
    Targets,
    compute_pixel_statistics,
    compute_targets,
    mix_labels,
    temper_targets,
)
from fer_core.errors import DataError
from fer_core.labels import EMOTIONS, FERPLUS_COLUMNS


def make(folder, votes=None, labels=("fear", "anger", "fear"), images=None):
    count = len(labels)
    samples = pd.DataFrame({"split": "train", "label": list(labels), "source": "", "image_name": ""})
    if votes is not None:
        samples[list(VOTE_COLUMNS)] = votes
    write_dataset(
        folder,
        images=np.zeros((count, 8, 8), np.uint8) if images is None else images,
        samples=samples,
        classes=EMOTIONS if votes is not None else ("anger", "fear"),
        importer="test",
        source="",
    )
    return load_dataset(folder)


def test_single_labels_become_one_hot_rows(tmp_path):
    targets = compute_targets(make(tmp_path / "set"), "train", "crossentropy")
    assert targets.protocol == "single label"
    assert targets.distributions.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert targets.labels.tolist() == [1, 0, 1]


def test_votes_follow_the_protocol_and_discarded_images_go(tmp_path):
    votes = np.zeros((3, 10), int)
    votes[0, FERPLUS_COLUMNS.index("anger")] = 10
    votes[1, FERPLUS_COLUMNS.index("NF")] = 10
    votes[2, [FERPLUS_COLUMNS.index("fear"), FERPLUS_COLUMNS.index("surprise")]] = [6, 4]
    targets = compute_targets(make(tmp_path / "set", votes), "train", "crossentropy")
    assert targets.indices.tolist() == [0, 2]
    assert targets.protocol == "FER+ crossentropy"
    assert targets.distributions[1][EMOTIONS.index("fear")] == pytest.approx(0.6)


def test_the_stored_label_beside_the_votes(tmp_path):
    votes = np.zeros((3, 10), int)
    votes[:, FERPLUS_COLUMNS.index("anger")] = 10
    votes[2, :] = 0
    votes[2, [FERPLUS_COLUMNS.index("fear"), FERPLUS_COLUMNS.index("surprise")]] = [6, 4]
    data = make(tmp_path / "set", votes, labels=("fear", "", "surprise"))
    plain = compute_targets(data, "train", "crossentropy")
    mixed = mix_labels(data, plain, 0.25)
    expected = [{"anger": 0.75, "fear": 0.25}, {"anger": 1.0}, {"fear": 0.45, "surprise": 0.55}]
    for row, shares in zip(mixed.distributions, expected, strict=True):
        assert row == pytest.approx([shares.get(name, 0) for name in EMOTIONS])
    assert mixed.protocol == "FER+ crossentropy, with 25% of the data set's own label"
    assert mix_labels(data, plain, 0) is plain
    single = make(tmp_path / "single")
    labels = compute_targets(single, "train", "crossentropy")
    assert mix_labels(single, labels, 0.5) is labels


def test_a_split_of_which_nothing_is_kept(tmp_path):
    with pytest.raises(DataError, match="keeps no image"):
        compute_targets(make(tmp_path / "set", np.zeros((3, 10), int)), "train", "majority")


def test_pixel_statistics_equal_numpy(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    data = make(tmp_path / "set", images=images)
    mean, std = compute_pixel_statistics(data, np.array([0, 2]))
    chosen = images[[0, 2]].reshape(-1, 3) / 255
    assert mean == pytest.approx(chosen.mean(axis=0))
    assert std == pytest.approx(chosen.std(axis=0), abs=1e-6)


def test_constant_images_do_not_divide_by_zero(tmp_path):
    data = make(tmp_path / "set")
    assert compute_pixel_statistics(data, np.arange(3)) == ((0.0,), (1.0,))


def test_builtin_set_is_drawn_on_first_use(workspace, monkeypatch):
    monkeypatch.setattr("fer_core.data.builtin.NUM_IMAGES", 40)
    info = write_schematic_faces(workspace, num_images=40)
    data = open_dataset(SCHEMATIC_FACES, workspace)
    assert data.info == info
    assert info.has_votes
    assert sum(info.split_counts.values()) == 40
    with pytest.raises(DataError, match="no data set"):
        open_dataset("other", workspace)


@pytest.mark.parametrize(
    ("temperature", "expected"), [(0.5, [0.8, 0.2, 0]), (1, [2 / 3, 1 / 3, 0]), (100, [0.502, 0.498, 0])]
)
def test_tempered_targets(temperature, expected):
    targets = Targets(np.array([4]), np.array([[2 / 3, 1 / 3, 0]], np.float32), "FER+ crossentropy")
    tempered = temper_targets(targets, temperature)
    assert tempered.distributions[0] == pytest.approx(expected, abs=0.001)
    assert tempered.distributions.dtype == np.float32
    assert tempered.indices.tolist() == [4]
