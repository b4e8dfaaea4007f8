"""Comparing models in a real browser: cells and their faces, maps, evaluation, and what is downloaded."""

import dataclasses
import re
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import load_dataset
from fer_core.evaluation.bootstrap import NUM_RESAMPLES
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.evaluation.stored_reports import load_report
from tests.e2e.waiting import count_screens, pick, settle, wait_until_still
from tests.small_models import save_small_model

pytestmark = pytest.mark.e2e
MAX_SCREENS = 2.2
DARK_COLOR, LIGHT_COLOR = re.compile(r"rgb\(\d?\d, "), re.compile(r"rgb\(2\d\d, ")


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


def open_comparison(open_page, *names: str, tab: str = "Errors", **options: object) -> Page:
    query = [("compare_models", name) for name in names] + [("tab", tab)]
    return open_page(f"compare_runs?{urlencode(query)}", **options)


def tick(page: Page, name: str) -> None:
    """Click the tick box of a model, which is drawn in a canvas beside its name."""
    settle(page)
    table = page.get_by_test_id("stDataFrame").first
    cell = table.locator("td[aria-colindex='1']").filter(has_text=re.compile(f"^{name}$"))
    row = int(str(cell.get_attribute("id")).rpartition("-")[2])
    corner = wait_until_still(page, table)
    page.mouse.click(corner["x"] + 16, corner["y"] + 36 + 35 * row + 17)


def get_labels(page: Page) -> list[str]:
    return page.get_by_test_id("stMetricLabel").all_inner_texts()


def get_cells(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-compare-matrix-{name} .points path.point")


def click_cell(page: Page, name: str, place: int) -> None:
    settle(page)
    cell = get_cells(page, name).nth(place)
    cell.scroll_into_view_if_needed()
    corner = wait_until_still(page, cell)
    page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)


def test_a_cell_of_a_matrix_leads_to_its_faces(reports, open_page):
    page = open_comparison(open_page, *reports, viewport={"width": 1400, "height": 1200})
    for name in reports:
        expect(get_cells(page, name)).to_have_count(64)
    confusion = np.array(reports["model-two"].confusion)
    place = int(confusion.argmax())
    click_cell(page, "model-two", place)
    count = int(confusion.max())
    row, column = divmod(place, 8)
    classes = reports["model-two"].classes
    found = page.get_by_text(re.compile(r"^\d+ faces of model-"))
    expect(found).to_have_text(
        f"{count} faces of model-two: truth {classes[row]}, prediction {classes[column]}"
    )
    faces = page.get_by_alt_text(re.compile("^face of row"))
    expect(faces).to_have_count(min(count, 12))
    # Another model's cell takes over, and the choosers narrow it while it is chosen.
    other = np.array(reports["model-one"].confusion)
    place = int(other.argmax())
    click_cell(page, "model-one", place)
    expect(found).to_contain_text(f"{other.max()} faces of model-one")
    pick(page, "Who is right", "model-one" if place // 8 == place % 8 else "not model-one")
    expect(found).to_contain_text(f"{other.max()} faces of model-one")
    expect(found).to_contain_text(re.compile(r"model-one is (right|wrong)$"))
    # The same cell once more lets go of it.
    click_cell(page, "model-one", place)
    expect(found).to_have_text(re.compile("all images$"))
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_models_are_ticked_and_back_leads_to_the_tab_and_then_the_tick_before(reports, open_page):
    page = open_page("compare_runs?compare_dataset=compared")
    tick(page, "model-two")
    expect(page).to_have_url(re.compile("compare_dataset=compared&compare_models=model-two$"))
    tick(page, "model-one")
    expect(
        page.get_by_text(re.compile("between model-one and model-two|model-one is .* than model-two"))
    ).to_be_visible()
    assert get_labels(page) == ["model-two", "model-one"], "the first one ticked is the baseline"
    settle(page)  # what is below the answer is still that of one model, beside that of two
    page.get_by_role("tab", name="Errors").click()
    expect(page).to_have_url(re.compile("tab=Errors"))
    expect(get_cells(page, "model-one")).to_have_count(64)
    page.reload()
    expect(get_cells(page, "model-one")).to_have_count(64)
    page.go_back()
    expect(page.get_by_role("tab", name="Verdict")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("stMetricLabel")).to_have_text(["model-two", "model-one"])
    page.go_back()
    expect(page.get_by_test_id("stMetricLabel").first).to_have_text("accuracy")
    expect(page).to_have_url(re.compile("compare_models=model-two$"))


def test_the_first_tick_puts_the_data_set_into_the_address_in_one_step(reports, open_page):
    page = open_page("compare_runs")
    tick(page, "model-two")
    expect(page).to_have_url(re.compile(r"\?compare_dataset=[^&]+&compare_models=model-two$"))
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile("compare_runs$"))


def test_the_answer_comes_first_and_two_models_take_two_screens(reports, open_page):
    page = open_comparison(open_page, *reports, tab="Verdict", viewport={"width": 1280, "height": 800})
    expect(page.get_by_role("button", name="Figures (CSV)")).to_be_visible()
    assert count_screens(page) <= MAX_SCREENS
    verdict = page.get_by_test_id("stAlert").bounding_box()
    assert verdict is not None
    assert verdict["y"] + verdict["height"] <= 800, "seen without scrolling"


def test_numbers_of_a_matrix_follow_a_theme_that_is_switched(reports, open_page):
    page = open_comparison(open_page, *reports)
    number = page.locator(".st-key-compare-matrix-model-one .textpoint text").first
    expect(number).to_be_attached()
    expect(number).to_have_css("fill", DARK_COLOR)
    page.emulate_media(color_scheme="dark")
    expect(number).to_have_css("fill", LIGHT_COLOR)


def test_maps_stand_beside_the_faces(reports, open_page):
    page = open_comparison(open_page, *reports)
    confusion = np.array(reports["model-two"].confusion)
    click_cell(page, "model-two", int(confusion.argmax()))
    # Before the click the page shows other faces: only its own heading says that the cell's have come.
    expect(page.get_by_text(f"{confusion.max()} faces of model-two")).to_be_visible()
    num_faces = min(int(confusion.max()), 12)
    expect(page.get_by_alt_text(re.compile("^face of row"))).to_have_count(num_faces)
    page.get_by_text("Show where each model looked").click()
    # Two processes load torch one after the other.
    expect(page.get_by_alt_text("map of model-one")).to_have_count(num_faces, timeout=180_000)
    expect(page.get_by_alt_text("map of model-two")).to_have_count(num_faces)
    expect(page.get_by_text(re.compile(r"Beside each face: model-two \(Grad-CAM\)"))).to_be_visible()


def test_a_report_that_is_missing_is_made_from_the_page(reports, dashboard_workspace, open_page):
    folder = save_small_model(dashboard_workspace, "model-three", seed=3)
    info = load_checkpoint_info(folder)
    save_checkpoint_info(folder, dataclasses.replace(info, data={"name": "compared"}))
    page = open_comparison(open_page, "model-one", "model-three")
    expect(page.get_by_text("No report on compared, valid yet: model-three.")).to_be_visible()
    expect(get_cells(page, "model-one")).to_have_count(64)
    page.get_by_role("button", name="Evaluate now").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(get_cells(page, "model-three")).to_have_count(64, timeout=180_000)
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    written = load_report(folder.parent)
    assert written.num_resamples == NUM_RESAMPLES
    assert (written.subject.dataset, written.subject.split) == ("compared", "valid")


def test_the_html_report_draws_itself_without_a_network(reports, open_page, dashboard_browser, tmp_path):
    page = open_comparison(open_page, *reports, tab="Verdict")
    files = {}
    for name in ("Report (HTML)", "Table (LaTeX)", "Figures (CSV)"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name).click()
        files[name] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[name])
    assert r"\bottomrule" in files["Table (LaTeX)"].read_text()
    assert files["Figures (CSV)"].read_text().startswith("model,dataset,split")
    context = dashboard_browser.new_context(offline=True)
    asked = []
    alone = context.new_page()
    alone.on("request", lambda request: asked.append(request.url))
    errors = []
    alone.on("pageerror", lambda error: errors.append(str(error)))
    alone.goto(files["Report (HTML)"].as_uri())
    expect(alone.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(alone.get_by_role("heading", name="Comparison of 2 models")).to_be_visible()
    num_charts = alone.locator(".js-plotly-plot").count()
    expect(alone.locator(".js-plotly-plot:has(.main-svg)")).to_have_count(num_charts)
    assert num_charts > 20
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert not errors
    context.close()
