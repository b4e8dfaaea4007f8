"""Foreign words in this program's texts: one function for each language that could take them for its own.

Foreign is whatever other people named or wrote: classes, labels, splits, sources, columns, models, data sets,
runs, searches, files, tags and notes. Each function returns what shows the words as they are.
"""

import hashlib
import html
import re
from typing import Any, Final

_CODE_SPAN: Final[re.Pattern[str]] = re.compile(r"(`[^`\n]+`)")
_MARKDOWN_SIGNS: Final[re.Pattern[str]] = re.compile(
    r"([\\`*_\[\]<>#|~$:&])|^(\s*)([-+=])|^(\s*\d+)([.)])(?=\s|$)", re.MULTILINE
)
WORD_JOINER: Final[str] = "\u2060"
"""Takes no room, and is no part of what Streamlit looks for."""
_ICON: Final[re.Pattern[str]] = re.compile(":(?=material/)")
"""Streamlit rewrites it before it reads Markdown, in code, too."""
_REPLACED: Final[re.Pattern[str]] = re.compile(
    rf"{_ICON.pattern}|:(?=(?!\d+:)[\w+-]+:)|(?<![^\s\ufeff])[-<>~](?=(?:->|[-=>])(?![^\s\ufeff]))"
)
"""First sign of what Streamlit replaces when backslashes are gone: icons, its logo, emoji, `->`, `>=`."""
_LATEX_SIGNS: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
FORMULA_SIGNS: Final[tuple[str, ...]] = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""
_UNSEEN: Final[re.Pattern[str]] = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but tab and line feed, what turns the direction of writing, halves of characters."""

_UNSAFE_IN_NAMES: Final[re.Pattern[str]] = re.compile(rf'{_UNSEEN.pattern}|[\t\n/\\:*?"<>|%]|^[. ]|[. ]$')
_DEVICE_NAME: Final[re.Pattern[str]] = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_MAX_NAME_BYTES: Final[int] = 200


def escape_markdown(text: str) -> str:
    r"""Text as Markdown shows it: no formatting, link, image, icon, arrow or formula; `code spans` stay code.

    Examples:
        >>> escape_markdown("![x](//a.example/y) `a_b`")
        '!\\[x\\](//a.example/y) `a_b`'
    """
    parts = _CODE_SPAN.split(text)
    return "".join(
        _break(_ICON, part) if index % 2 else _MARKDOWN_SIGNS.sub(r"\2\4\\\1\3\5", _break(_REPLACED, part))
        for index, part in enumerate(parts)
    )


def _break(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: found[0] + WORD_JOINER, text)


def quote_markdown(text: str) -> str:
    """Text as a code span of Markdown, whatever backticks are in it.

    Examples:
        >>> print(quote_markdown("a`b"))
        `` a`b ``
    """
    line = _break(_ICON, " ".join(text.split()))
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"`{line or ' '}`"


def escape_plotly(text: str) -> str:
    """Text as a Plotly figure shows it, in titles, names, categories and templates: no tag, link, variable.

    Plotly knows few of HTML's named entities, quotes not among them.

    Examples:
        >>> escape_plotly("<a href='//a.example'>%{x}")
        "&lt;a href='//a.example'&gt;&#37;{x}"
    """
    return html.escape(text, quote=False).replace("%{", "&#37;{")


def escape_html(text: str) -> str:
    """Text as HTML shows it, as content and as the value of an attribute."""
    return html.escape(text)


def escape_latex(text: str) -> str:
    r"""Text as LaTeX prints it.

    Examples:
        >>> escape_latex("fer_resnet 5 %")
        'fer\\_resnet 5 \\%'
    """
    return text.translate(_LATEX_SIGNS)


def neutralise_cell(value: Any) -> Any:
    """A cell or header as a spreadsheet shows it: a text that begins a formula gets an apostrophe before it.

    Numbers and numbers in words stay as they are.

    Examples:
        >>> [neutralise_cell(value) for value in ("=1+1", "-0.5", -0.5, "joy")]
        ["'=1+1", '-0.5', -0.5, 'joy']
    """
    is_formula = isinstance(value, str) and value.startswith(FORMULA_SIGNS) and not _is_number(value)
    return f"'{value}" if is_formula else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def escape_unseen(text: str) -> str:
    r"""Text without what a terminal obeys or hides: such characters are written as JSON writes them.

    Tab and line feed stay.

    Examples:
        >>> escape_unseen("joy\x1b[2J")
        'joy\\u001b[2J'
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape_name(name: str) -> str:
    """A foreign name as that of one file or folder on every system; what leads elsewhere is percent-encoded.

    Different names stay different. Plain names stay as they are.

    Examples:
        >>> [escape_name(name) for name in ("joy", "../../joy", "..", "a/b", "")]
        ['joy', '%2E.%2F..%2Fjoy', '%2E%2E', 'a%2Fb', '%']
    """
    safe = _UNSAFE_IN_NAMES.sub(lambda found: _encode(found[0]), name) or "%"
    if _DEVICE_NAME.match(safe):
        safe = _encode(safe[0]) + safe[1:]
    data = safe.encode()
    if len(data) <= _MAX_NAME_BYTES:
        return safe
    digest = hashlib.sha256(data).hexdigest()[:12]
    return f"{data[: _MAX_NAME_BYTES - 16].decode(errors='ignore')}%{digest}"


def _encode(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))
