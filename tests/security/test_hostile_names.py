"""Hostile names at the top of every result, in a browser: shown as they are, and nobody is asked."""

import dataclasses
import re
import socketserver
import threading

import pytest
from playwright.sync_api import expect, sync_playwright

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.store import load_dataset
from fer_core.escaping import WORD_JOINER
from fer_core.evaluation.comparison_export import write_html
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.publish import build_model_card
from fer_core.results import name_columns
from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.e2e.waiting import settle, watch
from tests.security import hostile_results
from tests.small_models import save_small_model

pytestmark = pytest.mark.e2e
TIMEOUT_MS = 180_000
FORBIDDEN = (
    ".evil, h1:not(:empty), [style*='color: red'], [aria-label='skull icon'], img[alt='Streamlit logo']"
)


class Listener(socketserver.ThreadingTCPServer):
    """A stranger's server: counts who connects."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.asked = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """What hostile names name."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def verify_request(self, _request: object, _client: object) -> bool:
        """Count, and answer nothing."""
        self.asked += 1
        return False


@pytest.fixture(scope="module")
def listener():
    with Listener() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def workspace(listener, tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("hostile") / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile_results, "NAMES", hostile_results.list_names(listener.address))
        hostile_results.make_data(workspace)
        report = write_html(hostile_results.make_comparison(workspace))
    (workspace.root / "report.html").write_text(report, encoding="utf-8")
    return workspace


@pytest.fixture(scope="module")
def address(listener, workspace):
    script = hostile_results.__file__
    variables = {"HOSTILE_ADDRESS": listener.address}
    log = workspace.root / "server.log"
    with serve_dashboard(workspace, log, script=script, environment=variables) as url:
        yield url
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def tab():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=[*BROWSER_FLAGS])
        page = browser.new_page(viewport={"width": 1280, "height": 6000})
        page.set_default_timeout(TIMEOUT_MS)
        watch(page)
        yield page
        browser.close()


def assert_harmless(tab, listener):
    assert tab.locator(FORBIDDEN).count() == 0
    links = tab.eval_on_selector_all(
        "a",
        "all => all.map(a => [a.getAttribute('href') || a.getAttribute('xlink:href') || '', a.textContent])",
    )
    # An address in a text may become a link to itself, which says where it leads.
    assert [link for link in links if listener.address in (link[0] or "") and link[0] not in link[1]] == []
    assert listener.asked == 0


@pytest.mark.parametrize("part", hostile_results.PARTS)
def test_a_result_full_of_hostile_names_asks_nobody(address, listener, tab, part):
    tab.goto(f"{address}/?part_shown={part}")
    expect(tab.get_by_text("the end", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    settle(tab)
    # A chart's own code is loaded after all else has been drawn: its names may come late.
    expect(tab.locator("body")).to_contain_text(hostile_results.MARK, timeout=TIMEOUT_MS, use_inner_text=True)
    assert tab.get_by_test_id("stException").count() == 0
    text = tab.locator("body").inner_text()
    assert "Something unexpected went wrong" not in text
    assert "\N{ALMOST EQUAL TO}" not in text
    assert_harmless(tab, listener)


def test_what_streamlit_would_replace_is_seen_as_it_is(address, tab):
    tab.goto(f"{address}/?part_shown=replaced")
    expect(tab.get_by_text("the end", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    settle(tab)
    for number, text in enumerate(hostile_results.REPLACED):
        seen = tab.locator(f".st-key-replaced-{number}").inner_text().replace(WORD_JOINER, "").split("\n")
        plain = text.replace("`", "")
        expected = [plain, plain, text if "`" in text else plain, *[plain] * 4]
        assert [line for line in seen if line] == expected


def test_the_picture_and_its_list_show_hostile_names_as_they_are(address, listener, tab):
    tab.goto(f"{address}/?part_shown=pictures")
    expect(tab.get_by_text("the end", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    names = hostile_results.list_names(listener.address)
    expect(tab.locator(".faces .label").first).to_have_text(names[1])
    for name in names:
        expect(tab.locator(".faces .name").get_by_text(name, exact=True).first).to_be_visible()
    tab.locator(".faces .toggle").first.hover()
    expect(tab.locator(".card strong")).to_contain_text("#1")
    for chip in tab.locator(".count").all():
        chip.click()
    tab.locator(".stage img").wait_for()
    assert_harmless(tab, listener)


def test_the_player_shows_hostile_names_as_they_are(address, listener, tab):
    tab.goto(f"{address}/?part_shown=video")
    player = tab.locator(".player")
    expect(player.locator(".who")).not_to_be_empty(timeout=TIMEOUT_MS)
    names = name_columns(hostile_results.list_names(listener.address))
    expect(player.locator(".bar .name")).to_have_text(names)
    player.locator(".timeline").hover()
    player.locator(".face").hover()
    assert_harmless(tab, listener)


def test_a_report_full_of_hostile_names_asks_nobody(workspace, listener, tab):
    tab.goto((workspace.root / "report.html").as_uri())
    expect(tab.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=TIMEOUT_MS)
    assert hostile_results.MARK in tab.locator("body").inner_text()
    assert tab.locator(".evil").count() == 0
    assert tab.locator("a[href*='127.0.0.1'], svg a").count() == 0
    assert listener.asked == 0


def test_a_model_card_shows_hostile_names(workspace):
    data = load_dataset(workspace.dataset("faces"))
    folder = save_small_model(workspace, "carded")
    own = load_checkpoint_info(folder)
    info = dataclasses.replace(own, classes=data.info.classes, data={"name": "faces"})
    save_checkpoint_info(folder, info)
    card = build_model_card(info, data.info, evaluate_checkpoint(folder, data, "valid"))
    assert hostile_results.MARK in card
    assert not re.search(r"(?<!\\)(!?\[|<(a|b|img)\b|:red)", re.sub(r"\[[\d., %]*\d[ %]*\]", "", card))


def test_the_server_would_notice(listener, tab):
    before = listener.asked
    tab.set_content(f"<img class=evil src='{listener.address}/x.png'>")
    assert tab.locator(FORBIDDEN).count() == 1
    assert listener.asked > before
