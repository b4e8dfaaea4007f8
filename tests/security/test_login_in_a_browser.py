"""The whole login, with Streamlit's own routes, a provider of the test's and a real browser."""

import pytest
import tomli_w
from playwright.sync_api import expect, sync_playwright

from fer_core.workspace import Workspace
from tests.e2e.dashboard import BROWSER_FLAGS, find_browser, serve_dashboard
from tests.security.identity_provider import serve_provider
from tests.security.visits import visit

pytestmark = pytest.mark.e2e
TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def provider():
    with serve_provider("fer-test") as provider:
        yield provider


@pytest.fixture(scope="module")
def address(tmp_path_factory, provider):
    folder = tmp_path_factory.mktemp("login")
    secrets = {
        "auth": {
            "redirect_uri": "http://localhost:{port}/oauth2callback",
            "cookie_secret": "0123456789abcdef0123456789abcdef",
            "client_id": "fer-test",
            "client_secret": "canary-client-secret",
            "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
        },
        "access": {"emails": ["ada@example.org"]},
    }
    (folder / "secrets.toml").write_text(tomli_w.dumps(secrets))
    environment = {"STREAMLIT_SECRETS_FILES": str(folder / "secrets.toml")}
    with serve_dashboard(
        Workspace(folder / "workspace"), folder / "server.log", environment=environment
    ) as url:
        yield url
    log = (folder / "server.log").read_text()
    assert "Traceback" not in log, log
    assert "canary" not in log


def test_a_stranger_gets_no_page_whatever_the_address(address):
    """Not through the browser's page, but straight from the server: nothing of the dashboard is sent."""
    for page in ("", "train", "models", "explore_data"):
        sent = b"".join(answer.SerializeToString() for answer in visit(address, page=page))
        assert b"Log in" in sent
        for words in (b"Import a model", b"New run", b"Explore data", b"canary"):
            assert words not in sent


@pytest.mark.parametrize(
    ("claims", "comes_in"),
    [
        ({"sub": "u-1", "email": "ada@example.org", "email_verified": True}, True),
        ({"sub": "u-2", "email": "eve@example.org", "email_verified": True}, False),
        ({"sub": "u-3", "email": "ada@example.org", "email_verified": False}, False),
    ],
)
def test_who_logs_in_and_is_named_comes_in(address, provider, claims, comes_in):
    provider.claims = claims
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=[*BROWSER_FLAGS])
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(address)
        page.get_by_role("button", name="Log in").click()
        inside = page.get_by_role("heading", name="Facial expression")
        outside = page.get_by_text("may not use this dashboard")
        expect(inside if comes_in else outside).to_be_visible(timeout=TIMEOUT_MS)
        expect(outside if comes_in else inside).to_have_count(0)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=TIMEOUT_MS)
        browser.close()
