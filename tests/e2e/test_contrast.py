"""Every page can be read in both themes, and the keyboard stops nowhere that nobody sees."""

import pytest

from fer_core.data.builtin import write_schematic_faces
from fer_core.workspace import Workspace
from tests.e2e.contrast import find_pale_text, find_unseen_stops
from tests.e2e.dashboard import serve_dashboard
from tests.small_runs import save_small_run

pytestmark = pytest.mark.e2e

ADDRESSES = (
    "", "explore_data", "train", "train?part=runs", "train?run=done", "tune", "compare_runs", "models",
    "models?model=fer-small", "analyze_media", "studies", "label", "live_webcam",
    "responsible_use",
)  # fmt: skip
READY = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app?.getAttribute('data-test-script-state') === 'notRunning'
        && document.querySelector('.stMain [data-testid=stElementContainer]') !== null
        && document.querySelector('[data-stale=true], .stMain [data-testid=stSkeleton]') === null
        && [...document.styleSheets].some(sheet => sheet.ownerNode.textContent.includes('.st-key-at-work'));
}"""
"""The script is done, and what is loaded late is there: our own style, and the parts of Streamlit for which a
skeleton stands."""


@pytest.fixture(scope="module")
def dashboard_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrast")
    workspace = Workspace(folder / "workspace")
    write_schematic_faces(workspace, "faces", num_images=200)
    save_small_run(workspace, "done")
    with serve_dashboard(workspace, folder / "server.log") as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_and_every_stop_of_the_keyboard_is_seen(open_page, dashboard_url, scheme):
    page = open_page(color_scheme=scheme)
    problems = {}
    for address in ADDRESSES:
        page.goto(f"{dashboard_url}/{address}")
        page.wait_for_load_state("networkidle")
        page.wait_for_function(READY)
        problems[address] = [*find_pale_text(page), *find_unseen_stops(page)]
    assert {address: found for address, found in problems.items() if found} == {}


def test_pale_text_and_unseen_stops_are_found(open_page):
    page = open_page()
    page.set_content(
        "<body style='background:#fff' class=stMain><p style='color:#767676'>just enough</p>"
        "<p style='color:#777'>pale</p><p style='color:#949494;font-size:24px'>large</p>"
        "<div style='background:#000;opacity:.5'><p style='color:#fff'>faded</p></div>"
        "<div style='background:#06b;position:relative;width:9em;height:9em'><p style='color:#06b'>hidden</p>"
        "<p style='color:#06b;position:absolute;left:12em;top:0'>beside its box</p></div>"
        "<button disabled style='color:#ddd'>off</button><a href='#x' style='opacity:0'>unseen</a></body>"
    )
    assert [item[0] for item in find_pale_text(page)] == ["pale", "faded", "hidden"]
    (stop,) = find_unseen_stops(page)
    assert "unseen" in stop
