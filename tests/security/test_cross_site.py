"""Pages of other sites get nothing from the dashboard, and it is reachable from this machine only."""

import socket
import tomllib
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fer_core.workspace import PROJECT_ROOT
from tests.security.visits import visit

CONFIG = tomllib.loads((PROJECT_ROOT / ".streamlit" / "config.toml").read_text())


def _connect(url: str, **headers: str) -> bool:
    """Whether the socket that drives the page opens to a page of that origin, under that name."""
    place = urlsplit(url)
    origin = headers.pop("origin", None)
    host = headers.pop("host", place.netloc)
    with socket.create_connection((place.hostname, place.port), timeout=10) as raw:
        try:
            with connect(
                f"ws://{host}/_stcore/stream", sock=raw, origin=origin, subprotocols=["streamlit"], proxy=None
            ):
                return True
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 403
            return False


def test_the_settings_protect():
    server = CONFIG["server"]
    assert server["address"] == "localhost"
    assert set(server["allowedHosts"]) <= {"localhost", "127.0.0.1", "::1"}
    assert server["allowedHosts"]
    assert server["enableXsrfProtection"] is True
    assert server["enableCORS"] is True, "true is what protects"
    assert server["enableAgentApi"] is False
    assert server["enableStaticServing"] is False
    assert CONFIG["client"]["showErrorDetails"] == "none"


def test_the_server_listens_on_this_machine_only(served):
    port = urlsplit(served).port
    ends = [
        item.laddr.ip
        for process in psutil.Process().children(recursive=True)
        for item in process.net_connections("inet")
        if item.status == psutil.CONN_LISTEN and item.laddr.port == port
    ]
    assert ends
    assert set(ends) <= {"127.0.0.1", "::1"}


def test_our_own_page_may_connect(served):
    assert _connect(served, origin=served)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example:8501", "null"])
def test_a_page_of_another_site_may_not_connect(served, outbound, origin):
    # A first visit of the user's own has been before: it is what keeps Streamlit from looking up names.
    visit(served)
    assert not _connect(served, origin=origin)
    assert not outbound.read()


def test_a_name_that_points_here_is_not_ours(served):
    """DNS rebinding: evil.example resolves to 127.0.0.1, so origin and host are the same."""
    port = urlsplit(served).port
    name = f"evil.example:{port}"
    assert not _connect(served, origin=f"http://{name}", host=name)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_upload_without_the_token_is_refused(served, method):
    request = urllib.request.Request(
        f"{served}/_stcore/upload_file/some-session/some-file",
        data=b"--x\r\n\r\n--x--",
        headers={"Content-Type": "multipart/form-data; boundary=x", "Origin": "https://evil.example"},
        method=method,
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    assert refusal.value.code == 403


def test_answers_are_not_for_other_origins(served):
    request = urllib.request.Request(f"{served}/_stcore/health", headers={"Origin": "https://evil.example"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.headers.get("Access-Control-Allow-Origin") != "*"
        assert "evil" not in (response.headers.get("Access-Control-Allow-Origin") or "")


@pytest.mark.parametrize(
    "path",
    ["app/static/../../fer_core/cli/__init__.py", "..%2f..%2fREADME.md", "static/%2e%2e/%2e%2e/README.md"],
)
def test_no_file_of_the_machine_is_served(served, path):
    try:
        with urllib.request.urlopen(f"{served}/{path}", timeout=10) as response:
            body = response.read()
    except urllib.error.HTTPError as refusal:
        assert refusal.code in (400, 403, 404)
        return
    assert b"<title>Streamlit</title>" in body, body[:200]  # the page's shell, whatever the address
