"""What strangers and other people write is shown as they wrote it, on every page: no element, no link."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from fer_core.checkpoint import CARD_FILE, load_checkpoint_info, save_checkpoint_info
from fer_core.data.builtin import write_schematic_faces
from fer_core.data.store import INFO_FILE, load_dataset
from fer_core.evaluation.evaluator import evaluate_checkpoint, save_evaluation
from fer_core.provenance import Terms
from fer_core.runs.notes import save_notes
from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.e2e.waiting import settle, watch
from tests.small_models import save_small_model
from tests.small_runs import save_small_run

pytestmark = pytest.mark.e2e
TIMEOUT_MS = 120_000
expect.set_options(timeout=TIMEOUT_MS)

MARK = "hostile"
"""Stands in every hostile text, so that a page can be seen to show it."""
TAG = f"<b class=evil>{MARK}</b>"
LINK = f"![{MARK}](//evil.example/y)"
LONG = (
    f"{MARK} <img class=evil src=https://evil.example/x.png onerror=document.title='evil'> {TAG} "
    f"![i](https://evil.example/y.png) [l](https://evil.example/z) <script>document.title='evil'</script> "
    "[j](javascript:alert(1)) :red[x] $x^2$"
)
FORBIDDEN = ".evil, [src*='evil.example'], [href^='javascript:']"
CLASSES = ("neutral", f"joy {TAG}", f"![{MARK}](https://evil.example/c)")
PAGES = (
    "", "explore_data?dataset=faces", "train?run=told", "compare_runs", "models", "models?model=told/best",
    "models?model=stranger", "analyze_media", "responsible_use",
    f"models?model={TAG}",  # what an address says is shown, too
)  # fmt: skip
MUST_SHOW = {"train?run=told", "models?model=told/best", "models?model=stranger", f"models?model={TAG}"}
"""Pages that are known to show a hostile text."""


HOSTILE_TERMS = {
    "source": TAG,
    "pictures": LONG,
    "picture_licence": LONG,
    "reference": LONG,
    "unresolved": LONG,
}


def _fill(workspace: Workspace) -> None:
    """A data set, a run with its model and report, and a model of a stranger, all full of hostile texts."""
    write_schematic_faces(workspace, "faces", num_images=120)
    info_path = workspace.dataset("faces") / INFO_FILE
    info_path.write_text(
        json.dumps({**json.loads(info_path.read_text()), "terms": [HOSTILE_TERMS], "source": LONG})
    )
    fingerprint = json.loads(info_path.read_text())["fingerprint"]

    save_small_run(workspace, "told", state="failed", facts={"message": LONG, "device": TAG})
    save_notes(workspace.run("told"), [TAG, LINK], LONG)
    (workspace.run("told") / "log.txt").write_text(LONG)
    best = save_small_model(workspace, "told")
    _spoil(best, data={"name": "faces", "fingerprint": fingerprint})
    evaluation = evaluate_checkpoint(best, load_dataset(workspace.dataset("faces")), split="valid")
    save_evaluation(evaluation, workspace.run("told"))

    stranger = workspace.model("stranger")
    shutil.copytree(save_small_model(workspace, "donor"), stranger)
    _spoil(stranger, classes=(*CLASSES, *(f"c{index} {TAG}" for index in range(5))))
    (stranger / CARD_FILE).write_text(LONG)
    (workspace.run("told") / "best" / CARD_FILE).write_text(LONG)


def _spoil(folder: Path, **changes: object) -> None:
    info = load_checkpoint_info(folder)
    metrics = ({"protocol": TAG, "split": TAG, "dataset": TAG, "n": 3, "accuracy": 0.5},)
    data = {"name": "faces", "label_mode": TAG, **changes.pop("data", {})}
    origin = {"run": "told", "epoch": TAG, "imported": TAG, "imported_from": LONG}
    terms = (Terms(**HOSTILE_TERMS),)
    info = dataclasses.replace(
        info, name=TAG, metrics=metrics, data=data, origin=origin, terms=terms, **changes
    )
    save_checkpoint_info(folder, info)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("markup")
    workspace = Workspace(folder / "workspace")
    _fill(workspace)
    with serve_dashboard(workspace, folder / "server.log") as url:
        yield url
    assert "Traceback" not in (folder / "server.log").read_text()


@pytest.fixture(scope="module")
def tab(address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=[*BROWSER_FLAGS])
        page = browser.new_page(viewport={"width": 1280, "height": 2400})
        page.set_default_timeout(TIMEOUT_MS)
        watch(page)
        yield page
        browser.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_hostile_text_is_shown_and_nothing_else(address, tab, path):
    requests: list[str] = []
    dialogs: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(f"{address}/{path}")
    expect(tab.locator("[data-testid=stHeading], [data-testid=stAlert], h5").first).to_be_visible()
    if path in MUST_SHOW:
        expect(tab.get_by_text(MARK).first).to_be_visible()
    settle(tab)
    assert tab.locator(FORBIDDEN).count() == 0
    assert find_links(tab) == []
    assert tab.title() != "evil"
    assert dialogs == []
    assert [url for url in requests if "evil.example" in url.split("?")[0]] == []
    assert "Something unexpected went wrong" not in tab.locator("body").inner_text()


def find_links(page: Page) -> list[str]:
    """Links that lead elsewhere than they say. An address in a text may become a link to itself."""
    words = page.eval_on_selector_all(
        "a[href*='evil.example']", "links => links.map(link => link.textContent.trim())"
    )
    return [text for text in words if not text.startswith("https://evil.example/")]


def test_the_search_would_find(tab):
    tab.set_content(f"<p>{LONG}</p><a href='https://evil.example/'>x</a>")
    assert tab.locator(FORBIDDEN).count() >= 2
    assert find_links(tab) == ["x"]
