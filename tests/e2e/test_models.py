"""The Models page in a real browser: look at a model, download it, bring it in, delete it."""

import re
import shutil
import zipfile

import pytest
from playwright.sync_api import Locator, expect

from fer_core.checkpoint import CARD_FILE, list_checkpoints
from tests.e2e.waiting import settle

pytestmark = pytest.mark.e2e

HOSTILE_CARD = """# A third party's card
![pixel](http://tracker.invalid/a.png) [![b](http://tracker.invalid/b.png)](http://tracker.invalid)
<img src="http://tracker.invalid/c.png"><script>document.title = "taken over"</script>
<iframe src="http://tracker.invalid/d"></iframe> [click](javascript:alert(1))
"""


def test_a_model_is_looked_at_taken_away_brought_in_tried_and_deleted(
    open_page, dashboard_workspace, tmp_path
):
    entry = list_checkpoints(dashboard_workspace)[0]
    name = entry.key.removesuffix("/best")
    page = open_page("models")
    # Within a button of the page: the chooser above has a small one of that name, too.
    page.get_by_test_id("stButton").get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(f"model={re.escape(entry.key.replace('/', '%2F'))}"))
    figure = page.get_by_test_id("stMetric").filter(has_text="Parameters")
    expect(figure).to_contain_text(f"{entry.info.num_parameters / 1e6:.2f} M")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download zip").click()
    archive = tmp_path / "model.zip"
    download.value.save_as(archive)
    with zipfile.ZipFile(archive) as opened:
        assert f"{name}/model.json" in opened.namelist()

    page.get_by_role("button", name="All models").click()
    page.get_by_text("Import a model").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(archive)
    page.get_by_role("textbox", name="Name").fill("borrowed")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.get_by_role("button", name="Check and import").click()
    expect(page.get_by_role("heading", name="borrowed", exact=True, level=1)).to_be_visible(timeout=90_000)
    expect(page.get_by_text("borrowed is imported")).to_be_visible()
    assert (dashboard_workspace.model("borrowed") / "model.json").is_file()

    page.get_by_role("button", name="Try it on pictures").click()
    expect(page.get_by_role("heading", name="Analyze media")).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("borrowed")

    page = open_page("models?model=borrowed")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("borrowed was deleted")).to_be_visible()
    assert not dashboard_workspace.model("borrowed").exists()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_back_returns_to_the_model_and_to_the_tab(open_page, dashboard_workspace):
    name = list_checkpoints(dashboard_workspace)[0].key.removesuffix("/best")
    page = open_page("models")

    def heading(text: str) -> Locator:
        return page.get_by_role("heading", name=text, exact=True, level=1)

    page.get_by_test_id("stButton").get_by_role("button", name="Open").first.click()
    expect(heading(name)).to_be_visible()
    page.get_by_role("tab", name="ONNX").click()
    expect(page).to_have_url(re.compile("tab=ONNX"))
    settle(page)
    page.get_by_role("button", name="Try it on pictures").click()
    expect(heading("Analyze media")).to_be_visible()
    page.go_back()
    expect(heading(name)).to_be_visible()
    expect(page.get_by_role("tab", name="ONNX")).to_have_attribute("aria-selected", "true")
    settle(page)
    page.go_back()
    expect(page.get_by_role("tab", name="Facts")).to_have_attribute("aria-selected", "true")
    settle(page)
    page.go_back()
    expect(heading("Models")).to_be_visible()
    assert len(page.context.pages) == 1


def test_what_is_no_model_is_refused_in_a_sentence(open_page, dashboard_workspace, tmp_path):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../model.json", "{}")
    page = open_page("models")
    page.get_by_text("Import a model").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(archive)
    page.get_by_role("button", name="Check and import").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text(re.compile("unsafe path.*refused"))
    assert not list(dashboard_workspace.models.glob(".incoming*"))


def test_a_strangers_card_loads_nothing_and_runs_nothing(open_page, dashboard_workspace, dashboard_url):
    target = dashboard_workspace.model("stranger")
    shutil.copytree(list_checkpoints(dashboard_workspace)[0].folder, target)
    (target / CARD_FILE).write_text(HOSTILE_CARD)
    page = open_page("models?model=stranger", viewport={"width": 400, "height": 900})
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.get_by_role("tab", name="Model card").click()
    expect(page.get_by_role("heading", name="A third party's card")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert [url for url in addresses if not url.startswith((dashboard_url, "data:", "blob:"))] == []
    assert page.locator('img[src*="tracker"], iframe[src*="tracker"], a[href^="javascript"]').count() == 0
    assert "taken over" not in page.title()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
