"""The Explore data page in a real browser: filter, open a face, close it, look at the same set elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from fer_core.data.builtin import open_dataset
from fer_core.data.quality import name_classes
from fer_core.data.store import SCHEMATIC_FACES

pytestmark = pytest.mark.e2e


def test_from_a_filter_to_a_face(open_page, dashboard_workspace):
    dataset = open_dataset(SCHEMATIC_FACES, dashboard_workspace)
    wanted = (name_classes(dataset) == "fear").nonzero()[0]
    page = open_page(f"explore_data?dataset={SCHEMATIC_FACES}")
    expect(page.get_by_role("heading", name="Do annotators agree?")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_role("radio", name="Images").or_(
        page.get_by_role("button", name="Images", exact=True)
    ).first.click()
    page.get_by_role("combobox", name="Classes").click()
    page.get_by_role("option", name="fear").click()
    expect(
        page.get_by_text(re.compile(rf"{len(wanted):,} of {len(dataset.images):,} images"))
    ).to_be_visible()
    page.keyboard.press("Escape")

    chart = page.get_by_test_id("stPlotlyChart").first
    expect(chart.locator(".layer-below image, .imagelayer image").first).to_be_attached()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 24, box["y"] + 48)  # the middle of the first of twelve tiles
    expect(page.get_by_role("heading", name=f"Image {wanted[0]}", exact=True)).to_be_visible()
    expect(page.get_by_text("Images that look most like it")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name=f"Image {wanted[0]}", exact=True)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
