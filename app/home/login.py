"""Login for a dashboard that others can reach: Streamlit's own OpenID Connect. Off unless it is configured.

`[auth]` in `.streamlit/secrets.toml` is Streamlit's section: the provider. `[access]` is ours: who of all
that the provider knows may come in. docs/SECURITY.md shows both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app.shared.messages import show_error
from app.shared.page_header import page_header
from fer_core.errors import ConfigError, FerError
from fer_core.escaping import escape_markdown
from fer_core.workspace import PROJECT_ROOT

AUTH: Final[str] = "auth"
ACCESS: Final[str] = "access"
_KNOWN: Final[frozenset[str]] = frozenset({"emails", "domains", "subjects", "everyone"})
_EXAMPLE: Final[str] = 'emails = ["ada@example.org"], domains = ["example.org"] or everyone = true'


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may use the dashboard."""

    emails: frozenset[str] = frozenset()
    """Addresses, lower case."""
    domains: frozenset[str] = frozenset()
    """What may stand behind the @ of an address, lower case."""
    subjects: frozenset[str] = frozenset()
    """The provider's own ids (`sub`), for providers that do not say whether an address was verified."""
    everyone: bool = False
    """Whoever the provider lets in: right for a provider that knows your own people only."""

    def allows(self, user: Mapping[str, Any]) -> bool:
        """Whether a person may come in.

        Args:
            user: the claims of the provider's identity token. An address counts only if the provider says
                that it was verified: anyone could have typed it otherwise.
        """
        if self.everyone or str(user.get("sub") or "") in self.subjects:
            return True
        email = str(user.get("email") or "").strip().lower()
        name, _, domain = email.rpartition("@")
        if user.get("email_verified") is not True or not name:
            return False
        return email in self.emails or domain in self.domains


def read_access(section: object) -> Access:
    """Read the `[access]` table.

    Raises:
        ConfigError: it is missing, has an unknown key or a wrong value, or lets nobody in.
    """
    if not isinstance(section, Mapping):
        raise ConfigError(
            f"secrets.toml has [{AUTH}] but no [{ACCESS}], which says who may come in; expected {_EXAMPLE}"
        )
    unknown = sorted(set(section) - _KNOWN)
    if unknown:
        raise ConfigError(f"[{ACCESS}] in secrets.toml has {', '.join(unknown)}; expected {_EXAMPLE}")
    everyone = section.get("everyone", False)
    if not isinstance(everyone, bool):
        raise ConfigError(f"[{ACCESS}] everyone in secrets.toml is {everyone!r}; expected true or false")
    access = Access(
        emails=frozenset(item.lower() for item in _read_words(section, "emails")),
        domains=frozenset(item.lower().removeprefix("@") for item in _read_words(section, "domains")),
        subjects=frozenset(_read_words(section, "subjects")),
        everyone=everyone,
    )
    if access == Access():
        raise ConfigError(f"[{ACCESS}] in secrets.toml lets nobody in; expected {_EXAMPLE}")
    return access


def _read_words(section: Mapping[str, Any], key: str) -> list[str]:
    value = section.get(key, [])
    good = isinstance(value, Sequence) and not isinstance(value, str)
    if not good or not all(isinstance(item, str) and item.strip() for item in value):
        raise ConfigError(f"[{ACCESS}] {key} in secrets.toml is {value!r}; expected a list of texts")
    return [item.strip() for item in value]


def is_login_on() -> bool:
    """Whether secrets.toml configures a provider.

    Raises:
        ConfigError: there is such a file, but it can't be read. Streamlit takes that for no file at all, and
            the dashboard would be open to everybody.
    """
    reason = "it is no TOML; where, the server's log says"
    try:
        if st.secrets.load_if_toml_exists():
            return AUTH in st.secrets
    except (OSError, UnicodeDecodeError) as cause:
        reason = type(cause).__name__
    there = [path for path in st.get_option("secrets.files") if Path(path).exists()]
    if there:
        raise ConfigError(
            f"{there[0]} can't be read ({reason}), so nobody can be let in; mend it, or remove it to go "
            "without login"
        )
    return False


def check_address() -> None:
    """Make sure that the server's settings were read.

    Raises:
        ConfigError: they were not, and then the server listens to the whole network, without login.
    """
    if not st.get_option("server.address"):
        raise ConfigError(
            "the dashboard was started without its settings (.streamlit/config.toml), so the whole network "
            f"can reach it; start it in {PROJECT_ROOT} with `make run`, or say where it listens: "
            "`--server.address localhost`"
        )


def require_login() -> None:
    """Let the script go on only for people who may use the dashboard. The router calls it before any page."""
    try:
        check_address()
        if not is_login_on():
            return
        access = read_access(st.secrets.get(ACCESS))
        _require_authlib()
    except FerError as error:
        show_error(error)
        st.stop()
    if not st.user.is_logged_in:
        _render_login()
        st.stop()
    name = escape_markdown(str(st.user.get("email") or st.user.get("name") or "somebody"))
    if not access.allows(st.user.to_dict()):
        _render_stranger(name)
        st.stop()
    with st.sidebar:
        st.caption(f"Logged in as {name}")
        st.button("Log out", icon=":material/logout:", on_click=st.logout, key="logout")


def _require_authlib() -> None:
    """Streamlit needs a package for logins which is not among its own.

    Raises:
        ConfigError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("authlib") is None:
        raise ConfigError(
            f"secrets.toml has [{AUTH}], but the package for logins is missing; install it with "
            "`pip install 'streamlit[auth]'` and start the dashboard again"
        )


def _render_login() -> None:
    page_header("FER workbench", "This dashboard is for people who are known to it.")
    st.button("Log in", type="primary", icon=":material/login:", on_click=st.login, key="login")


def _render_stranger(name: str) -> None:
    page_header("FER workbench", "This dashboard is for people who are known to it.")
    st.error(
        f"{name} may not use this dashboard. Log in with another account, or ask whoever runs it to let you "
        "in.",
        icon=":material/block:",
    )
    st.button("Log out", icon=":material/logout:", on_click=st.logout, key="logout")
