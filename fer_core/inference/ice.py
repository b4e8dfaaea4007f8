"""Servers that help a browser and this program find each other (STUN, TURN), read from plain values.

None is used unless a person configured it: on one machine and in most local networks none is needed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fer_core.errors import ConfigError
from fer_core.plain import parse_json

_URL: Final[re.Pattern[str]] = re.compile(r"(stuns?|turns?):[^\s/?]+(\?transport=(udp|tcp))?")
_EXAMPLE: Final[str] = '[{"urls": "turn:turn.example.org:3478", "username": "me", "credential": "secret"}]'


def parse_ice_servers(value: object, *, source: str) -> list[dict[str, Any]]:
    """Check a list of ICE servers and return it as WebRTC takes it.

    Args:
        value: a list of tables with `urls` (one or a list) and, for TURN, `username` and `credential`; or
            that list as JSON text.
        source: where the value is from, for messages.

    Raises:
        ConfigError: it is anything else; secrets are not repeated in the message.

    Examples:
        >>> parse_ice_servers('[{"urls": "stun:stun.example.org:3478"}]', source="the example")
        [{'urls': ['stun:stun.example.org:3478']}]
    """
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as cause:
            raise ConfigError(f"{source} is no JSON ({cause}); expected for example {_EXAMPLE}") from cause
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ConfigError(f"{source} is a {type(value).__name__}; expected a list, for example {_EXAMPLE}")
    return [_parse_server(item, f"{source}, server {index + 1}") for index, item in enumerate(value)]


def _parse_server(value: object, source: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{source} is a {type(value).__name__}; expected a table, as in {_EXAMPLE}")
    unknown = sorted(set(value) - {"urls", "username", "credential"})
    if unknown:
        raise ConfigError(f"{source} has {', '.join(unknown)}; expected urls, username and credential only")
    urls = value.get("urls")
    urls = [urls] if isinstance(urls, str) else urls
    if not isinstance(urls, Sequence) or not urls:
        raise ConfigError(f"{source} lacks urls; expected one or a list, as in {_EXAMPLE}")
    for url in urls:
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise ConfigError(f"{source} has the url {url!r}; expected stun:host:port or turn:host:port")
    login = {key: value[key] for key in ("username", "credential") if value.get(key) is not None}
    if any(not isinstance(item, str) for item in login.values()):
        raise ConfigError(f"{source}: username and credential must be text")
    if len(login) < 2 and any(url.startswith("turn") for url in urls):
        raise ConfigError(f"{source} is a TURN server without username and credential; it would refuse")
    return {"urls": list(urls), **login}
