"""Embeddings in the plane, kept on disk."""

import numpy as np
import pandas as pd
import pytest

from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.data.store import write_dataset
from fer_core.errors import DataError
from fer_core.evaluation import embedding_map
from fer_core.evaluation.embedding_map import build_map, choose_rows, load_map, locate_map, project
from tests.small_models import save_small_model


def test_principal_components_keep_a_plane_as_it_is():
    plane = np.random.default_rng(0).normal(size=(60, 2)) * (5, 1)
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 2)))[0]
    points, shares = project((plane @ basis.T).astype(np.float32), "PCA")
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert shares[0] > shares[1]
    distances = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (plane, points)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-3)


def test_neighbours_stay_together():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 30)
    features = (rng.normal(size=(60, 8)) + 20 * groups[:, None]).astype(np.float32)
    points, shares = project(features, "t-SNE")
    assert np.isnan(shares).all()
    middle = [points[groups == group].mean(axis=0) for group in (0, 1)]
    nearest = np.argmin([np.linalg.norm(points - place, axis=1) for place in middle], axis=0)
    assert (nearest == groups).all()


def test_rows_are_drawn_once_and_for_all():
    rows = np.arange(100)
    assert choose_rows(rows, 200) is rows
    chosen = choose_rows(rows, 10)
    assert len(chosen) == 10
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, choose_rows(rows, 10))


def test_a_map_is_made_once(workspace, monkeypatch):
    write_schematic_faces(workspace, "faces", num_images=60)
    save_small_model(workspace, "fearful", always="fear")
    entry, dataset = find_checkpoint("fearful", workspace), open_dataset("faces", workspace)
    rows = np.arange(0, 60, 2)
    told = []
    made = build_map(entry, dataset, rows, "PCA", workspace, on_progress=lambda *step: told.append(step))
    assert made.points.shape == (30, 2)
    assert set(made.predicted) == {"fear"}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    monkeypatch.setattr(embedding_map, "_embed", None)
    again = build_map(entry, dataset, rows, "PCA", workspace)
    np.testing.assert_array_equal(again.points, made.points)
    assert again.predicted == made.predicted
    assert locate_map(entry, dataset, rows, "t-SNE", workspace) != locate_map(
        entry, dataset, rows, "PCA", workspace
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x80\x04pickle"])
def test_a_damaged_map_is_none(tmp_path, content):
    path = tmp_path / "map.npz"
    path.write_bytes(content)
    assert load_map(path) is None
    assert load_map(tmp_path / "absent.npz") is None


def test_too_few_images(workspace):
    write_schematic_faces(workspace, "faces", num_images=60)
    save_small_model(workspace, "fearful")
    entry, dataset = find_checkpoint("fearful", workspace), open_dataset("faces", workspace)
    with pytest.raises(DataError, match="at least 5 images"):
        build_map(entry, dataset, np.arange(4), "PCA", workspace)


def test_a_split_that_is_not_there_is_named_with_those_that_are(workspace, capsys):
    images = np.random.default_rng(0).integers(0, 256, (30, 48, 48), np.uint8)
    samples = pd.DataFrame(
        {"split": "test", "label": "anger", "source": "s", "image_name": ""}, index=range(30)
    )
    write_dataset(
        workspace.dataset("tested"),
        images=images,
        samples=samples,
        classes=("anger", "fear"),
        importer="t",
        source="s",
    )
    assert main(["datasets", "map", "tested"]) == 1
    assert "has no split 'valid'; it has test (30)" in capsys.readouterr().err
