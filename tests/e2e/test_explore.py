"""The Explore data page in a real browser: filter, open a face, close it, look at the same set elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from fer_core.data.builtin import write_schematic_faces
from fer_core.data.label_quality import name_classes
from fer_core.data.store import SCHEMATIC_FACES, load_dataset
from tests.e2e.waiting import pick, wait_until_still

pytestmark = pytest.mark.e2e


@pytest.fixture
def dataset(dashboard_workspace):
    """The built-in faces, a tenth of them."""
    if not dashboard_workspace.dataset(SCHEMATIC_FACES).is_dir():
        write_schematic_faces(dashboard_workspace, num_images=400)
    return load_dataset(dashboard_workspace.dataset(SCHEMATIC_FACES))


def test_from_a_filter_to_a_face(open_page, dataset):
    wanted = (name_classes(dataset) == "fear").nonzero()[0]
    page = open_page(f"explore_data?dataset={SCHEMATIC_FACES}")
    expect(page.get_by_role("heading", name="Do annotators agree?")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_role("radio", name="Images").or_(
        page.get_by_role("button", name="Images", exact=True)
    ).first.click()
    expect(page.get_by_text("Click one for its details")).to_be_visible()
    found = page.get_by_text(re.compile(rf"{len(wanted):,} of {len(dataset.images):,} images"))
    pick(page, "Classes", "fear", found)
    page.keyboard.press("Escape")

    # Charts of the overview and the unfiltered grid linger until the new grid has taken their place.
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart).to_have_count(1)
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    expect(chart.locator(".layer-below image, .imagelayer image").first).to_be_attached()
    chart.click(position={"x": 40, "y": 48})  # within the first of twelve tiles of about 96 px
    expect(page.get_by_role("heading", name=f"Image {wanted[0]}", exact=True)).to_be_visible()
    expect(page.get_by_text("Most similar images")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name=f"Image {wanted[0]}", exact=True)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_on_a_phone_the_grid_leaves_no_gap_and_a_tap_opens_what_it_hits(open_page, dataset):
    page = open_page(
        f"explore_data?dataset={SCHEMATIC_FACES}",
        viewport={"width": 390, "height": 1500},
        user_agent="Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537.36",
    )
    page.get_by_test_id("stButtonGroup").get_by_role("radio", name="Images").or_(
        page.get_by_role("button", name="Images", exact=True)
    ).first.click()
    expect(page.get_by_text("Click one for its details")).to_be_visible()
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart).to_have_count(1)
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    expect(chart.locator(".layer-below image, .imagelayer image").first).to_be_attached()
    box = wait_until_still(page, chart)
    picture = chart.locator(".layer-below image, .imagelayer image").first.bounding_box()
    assert picture is not None
    assert box["height"] == pytest.approx(picture["height"], rel=0.02), "blank room"
    columns, rows = 6, 10
    step_x, step_y = box["width"] / columns, box["height"] / rows
    # Near the right lower corner of the tile: marks that do not shrink would open a neighbour.
    chart.click(position={"x": 1.85 * step_x, "y": 2.85 * step_y})
    expect(page.get_by_role("heading", name="Image 13", exact=True)).to_be_visible()
