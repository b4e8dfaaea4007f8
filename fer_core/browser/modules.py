"""The page's scripts: files whose names hold their content's hash, and which name each other so."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

ASSETS: Final[Path] = Path(__file__).parent / "assets"
"""Plain ES modules; they run as they are, without a bundler."""
_IMPORT: Final[re.Pattern[str]] = re.compile(r'(?<=from ")\./([\w.-]+\.js)(?=";)')
_IMPORT_LINE: Final[re.Pattern[str]] = re.compile(r'^import \{([^}]*)\} from "\./([\w.-]+\.js)";\n', re.M)
_EXPORT: Final[re.Pattern[str]] = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.M)

Publish = Callable[[str, bytes], str]
"""Makes a file reachable: takes its name and content, returns its address."""


def hash_name(name: str, content: bytes) -> str:
    """A file's name with a hash of its content: another content has another address, so caches can't err.

    Examples:
        >>> hash_name("engine.js", b"")
        'engine-e3b0c44298fc.js'
    """
    stem, dot, ending = name.partition(".")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}{dot}{ending}"


def publish_modules(entries: tuple[str, ...], publish: Publish) -> dict[str, str]:
    """Publish scripts and all that they import, each naming the others by their published names.

    Args:
        entries: names of scripts in `ASSETS`.
        publish: see `Publish`; all addresses must lie in one folder.

    Returns:
        Address by name, of the entries.
    """
    addresses: dict[str, str] = {}

    def place(name: str) -> str:
        if name not in addresses:
            text = (ASSETS / name).read_text("utf-8")
            linked = _IMPORT.sub(lambda found: f"./{PurePosixPath(place(found[1])).name}", text)
            addresses[name] = publish(name, linked.encode())
        return addresses[name]

    return {name: place(name) for name in entries}


def join_modules(entry: str) -> str:
    """A script of `ASSETS` and all that it imports as one text, for pages that are one file.

    Each module becomes a function that is called once and returns what the module exports.
    """
    parts: dict[str, str] = {}

    def name_of(module: str) -> str:
        return f"module_{PurePosixPath(module).stem}"

    def place(module: str) -> None:
        text = (ASSETS / module).read_text("utf-8")
        for found in _IMPORT_LINE.finditer(text):
            if found[2] not in parts:
                place(found[2])
        exported = ", ".join(found[2] for found in _EXPORT.finditer(text))
        body = _IMPORT_LINE.sub(lambda found: f"const {{{found[1]}}} = {name_of(found[2])};\n", text)
        body = _EXPORT.sub(r"\1 \2", body)
        parts[module] = f"const {name_of(module)} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"

    place(entry)
    return "".join(parts.values())
