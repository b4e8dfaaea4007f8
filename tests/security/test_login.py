"""The optional login: off unless configured, closed whenever something about it is wrong."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from app.home import login
from app.home.login import Access, is_login_on, read_access
from fer_core.errors import ConfigError
from fer_core.workspace import PROJECT_ROOT

HOME = str(PROJECT_ROOT / "app" / "Home.py")
AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "0123456789abcdef0123456789abcdef",
    "client_id": "fer",
    "client_secret": "canary-client-secret",
    "server_metadata_url": "https://login.example.org/.well-known/openid-configuration",
}
ADA = {"is_logged_in": True, "sub": "u-1", "email": "Ada@Example.org", "email_verified": True}


class _User(dict):
    """Stands in for `st.user`."""

    @property
    def is_logged_in(self):
        return self["is_logged_in"]

    def to_dict(self):
        return dict(self)


@pytest.fixture
def open_home(app_workspace, monkeypatch):
    """Opens the dashboard as somebody: `open_home(user, access=..., auth=...)`."""

    def open_(user=None, *, access=None, auth=AUTH, has_authlib=True):
        if has_authlib:
            monkeypatch.setattr(login, "_require_authlib", lambda: None)
        monkeypatch.setattr(st, "user", _User(user or {"is_logged_in": False}))
        page = AppTest.from_file(HOME, default_timeout=60)
        if auth is not None:
            page.secrets["auth"] = auth
        if access is not None:
            page.secrets["access"] = access
        return page.run()

    return open_


def _is_open(page: AppTest) -> bool:
    """Whether the user sees the dashboard; whoever does not sees nothing of it."""
    titles = [item.value for item in page.title]
    seen = any(title.startswith("Facial expression") for title in titles)
    if not seen:
        assert not page.subheader
        assert "canary" not in str(page.main)
    return seen


def test_without_a_provider_there_is_no_login(open_home):
    page = open_home(auth=None)
    assert _is_open(page)
    assert not page.sidebar.button


def test_whoever_is_not_logged_in_sees_a_button_and_nothing_else(open_home):
    page = open_home(access={"emails": ["ada@example.org"]})
    assert not _is_open(page)
    assert [item.label for item in page.button] == ["Log in"]


@pytest.mark.parametrize(
    "access",
    [
        {"emails": ["ada@example.org"]},
        {"domains": ["@example.org"]},
        {"subjects": ["u-1"]},
        {"everyone": True},
    ],
)
def test_people_who_are_named_come_in(open_home, access):
    page = open_home(ADA, access=access)
    assert _is_open(page)
    assert [item.label for item in page.sidebar.button] == ["Log out"]


@pytest.mark.parametrize(
    "user",
    [
        {**ADA, "email": "eve@example.com"},
        {**ADA, "email_verified": False},
        {key: value for key, value in ADA.items() if key != "email_verified"},
        {**ADA, "email_verified": "true"},
        {**ADA, "email": "eve@example.com@example.org.evil"},
        {"is_logged_in": True},
    ],
)
def test_others_do_not(open_home, user):
    page = open_home(user, access={"emails": ["ada@example.org"], "domains": ["example.org"]})
    assert not _is_open(page)
    assert "may not use this dashboard" in page.error[0].value
    assert [item.label for item in page.button] == ["Log out"]


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (None, "no [access]"),
        ({}, "lets nobody in"),
        ({"emails": []}, "lets nobody in"),
        ({"everyone": False}, "lets nobody in"),
        ({"everyone": "yes"}, "expected true or false"),
        ({"email": ["ada@example.org"]}, "has email"),
        ({"emails": "ada@example.org"}, "expected a list"),
        ({"emails": [3]}, "expected a list"),
        ({"domains": [" "]}, "expected a list"),
    ],
)
def test_a_mistake_in_the_list_lets_nobody_in(open_home, access, words):
    with pytest.raises(ConfigError) as error:
        read_access(access)
    assert words in str(error.value)
    page = open_home(ADA, access=access)
    assert not _is_open(page)
    assert len(page.error) == 1


def test_without_the_package_nobody_comes_in(open_home, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    page = open_home(ADA, access={"everyone": True}, has_authlib=False)
    assert not _is_open(page)
    assert "streamlit\\[auth\\]" in page.error[0].value or "streamlit[auth]" in page.error[0].value


@pytest.fixture
def secrets_file(tmp_path, monkeypatch):
    """Path of the only secrets file that Streamlit looks at."""
    path = tmp_path / "secrets.toml"
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(path)])
    monkeypatch.setattr(st, "secrets", type(st.secrets)())
    yield path
    config.set_option("secrets.files", before)


def test_a_damaged_secrets_file_is_not_taken_for_none(secrets_file):
    assert is_login_on() is False
    secrets_file.write_text("[auth\n")
    with pytest.raises(ConfigError, match="nobody can be let in"):
        is_login_on()
    secrets_file.write_bytes(b"\xff\xfe[auth]")
    with pytest.raises(ConfigError, match="nobody can be let in"):
        is_login_on()


def test_secrets_without_a_provider_are_no_login(secrets_file):
    secrets_file.write_text("[webrtc]\nice_servers = []\n")
    assert is_login_on() is False


def test_a_server_without_its_settings_shows_nothing(open_home, monkeypatch):
    """Started in another folder, Streamlit finds no config.toml and listens to the whole network."""
    monkeypatch.setattr(login.st, "get_option", lambda name: None)
    page = open_home(auth=None)
    assert not _is_open(page)
    assert "whole network" in page.error[0].value


def test_an_address_counts_whatever_its_case():
    access = Access(emails=frozenset({"ada@example.org"}))
    assert access.allows(ADA)
    assert not access.allows({**ADA, "email": "ada@example.org.evil"})
    assert not access.allows(SimpleNamespace(get=lambda key: None))
