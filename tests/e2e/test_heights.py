"""Pages that a user reads in one look: how high they are in the state in which they open."""

import pytest
from playwright.sync_api import Locator, Page, expect

from fer_core.config import load_preset
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.decisions import Decision, decide
from fer_core.data.flaws import find_flaws
from fer_core.data.store import SCHEMATIC_FACES, load_dataset
from fer_core.sweeps import Range, SweepSettings, create_sweep
from tests.e2e.waiting import count_screens, settle
from tests.small_runs import save_small_run

pytestmark = pytest.mark.e2e
SCREEN = {"width": 1280, "height": 800}
MOST_SCREENS = 2.2
DATA = f"explore_data?dataset={SCHEMATIC_FACES}"
CLOSING = "base no decision about a person on it"
LAST = {
    "": "Law, consent, licences",
    "models": "Import a model",
    "compare_runs": "Tick models in the table",
    "analyze_media": CLOSING,
    "live_webcam": CLOSING,
    "label": CLOSING,
    "studies": CLOSING,
}
"""Words near the end of pages that show no data set."""


@pytest.fixture(scope="module")
def full_workspace(dashboard_workspace):
    """A data set with flaws that are known, a run and a search."""
    if not dashboard_workspace.dataset(SCHEMATIC_FACES).is_dir():
        write_schematic_faces(dashboard_workspace, num_images=400)
    data = load_dataset(dashboard_workspace.dataset(SCHEMATIC_FACES))
    find_flaws(data, dashboard_workspace)
    decide(data, dashboard_workspace, {0: Decision(action="exclude", reason="blank")})
    if not dashboard_workspace.run("heights-1").is_dir():
        save_small_run(dashboard_workspace, "heights-1")
        space = {"optimizer.learning_rate": Range(low=1e-4, high=1.0, log=True)}
        create_sweep("heights", SweepSettings(base=load_preset("quick"), space=space), dashboard_workspace)
    return dashboard_workspace


def _find_last(page: Page, address: str) -> Locator:
    """Something near the end of a page: once it is there the page is as high as it gets."""
    if address in LAST:
        return page.get_by_text(LAST[address]).first
    if address.startswith("train?run"):
        return page.get_by_role("tab", name="Tags and notes")
    if address.startswith("train"):
        return page.get_by_text("As a settings file (TOML)")
    if address.startswith("tune"):
        return page.get_by_text("No trial has finished yet")
    names = {"": "Light and sharpness", "Images": "Click one for its details", "Clean": "1 decided: save"}
    tab = address.partition("tab=")[2].partition("+")[0]
    return page.get_by_text(names[tab]).first


@pytest.mark.parametrize(
    "address",
    [
        DATA,
        f"{DATA}&tab=Images",
        f"{DATA}&tab=Clean+up",
        "",
        "models",
        "compare_runs",
        "analyze_media",
        "live_webcam",
        "label",
        "studies",
        "train",
        "train?run=heights-1",
        "tune?sweep=heights",
    ],
)
def test_no_page_is_higher_than_two_screens_when_it_opens(open_page, full_workspace, address):
    page = open_page(address, viewport=SCREEN)
    expect(_find_last(page, address)).to_be_attached()
    assert count_screens(page) <= (1 if address == "" else MOST_SCREENS)


def test_what_was_decided_and_the_kinds_of_flaws_stay_in_sight(open_page, full_workspace):
    page = open_page(f"{DATA}&tab=Clean+up", viewport=SCREEN)
    page.get_by_role("radio", name="Annotators disagree").or_(
        page.get_by_role("button", name="Annotators disagree")
    ).first.click()
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    settle(page)
    cells = [item.bounding_box() for item in page.locator(".st-key-cleanup-grid > *").all()]
    sizes = {(round(box["width"]), round(box["height"])) for box in cells if box}
    assert len(sizes) == 1, sizes
    page.locator(".st-key-cleanup-grid > *").last.scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="1 decided: save")).to_be_in_viewport()
    expect(page.get_by_text("Exact copies")).to_be_in_viewport()
