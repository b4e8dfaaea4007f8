"""Comparing two models in a real browser: from the matrices to the faces of a cell."""

import dataclasses
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.evaluation.report import evaluate_checkpoint, save_evaluation
from tests.small_models import save_small_model

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def reports(dashboard_workspace):
    """Two evaluated models of random weights, by name."""
    write_schematic_faces(dashboard_workspace, "compared", num_images=200, replace=True)
    data = load_dataset(dashboard_workspace.dataset("compared"))
    found = {}
    for seed, name in enumerate(("model-one", "model-two")):
        folder = save_small_model(dashboard_workspace, name, seed=seed)
        info = load_checkpoint_info(folder)
        save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "compared"}))
        evaluation = evaluate_checkpoint(folder, data, "valid")
        found[name] = save_evaluation(evaluation, folder.parent, num_resamples=20)
    return found


def test_a_cell_of_a_matrix_leads_to_its_faces(reports, open_page):
    page = open_page("compare_runs", viewport={"width": 1400, "height": 1200})
    box = page.get_by_role("combobox", name="Models to compare")
    for name in reports:
        box.click()
        box.fill(name)
        page.get_by_role("option", name=name).click()
        expect(page.get_by_test_id("stMultiSelect").last).to_contain_text(name)
    page.keyboard.press("Escape")
    for name in reports:
        expect(page.locator(f".st-key-compare-matrix-{name} .points path.point")).to_have_count(64)
    confusion = np.array(reports["model-two"].confusion)
    place = int(confusion.argmax())
    markers = page.locator(".st-key-compare-matrix-model-two .points path.point")
    markers.nth(place).scroll_into_view_if_needed()
    corner = markers.nth(place).bounding_box()
    assert corner is not None
    page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    count = int(confusion.max())
    row, column = divmod(place, 8)
    classes = reports["model-two"].classes
    expect(page.get_by_text(re.compile(rf"^{count} faces of model-two"))).to_contain_text(
        f"truth {classes[row]}, prediction {classes[column]}"
    )
    faces = page.get_by_text(re.compile(r"^row \d+, truth"))
    expect(faces).to_have_count(min(count, 12))
    expect(page.get_by_test_id("stException")).to_have_count(0)
