"""The Responsible use page: the project's text, section by section, beside the facts of this machine."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from app.shared.terms import describe_use
from fer_core.checkpoint import list_checkpoints
from fer_core.data.store import list_datasets
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.provenance import Terms
from fer_core.workspace import PROJECT_ROOT, Workspace

DOCUMENT: Final[Path] = PROJECT_ROOT / "docs" / "RESPONSIBLE_USE.md"
_ICONS: Final[tuple[str, ...]] = (
    ":material/psychology_alt:",
    ":material/gavel:",
    ":material/record_voice_over:",
    ":material/copyright:",
    ":material/balance:",
    ":material/folder_delete:",
)
_UNKNOWN: Final[str] = "not stated"


def load_sections(path: Path = DOCUMENT) -> dict[str, str]:
    """The sections of the text by title, as Markdown; what comes before the first is under the empty title.

    Raises:
        FerError: the file is missing.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise FerError(f"the text of this page, {path}, can't be read: {cause}; restore the file") from cause
    first, *others = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {"": first.partition("\n")[2].strip()}
    for part in others:
        title, _, body = part.partition("\n")
        sections[title.strip()] = body.strip()
    return sections


def render(workspace: Workspace) -> None:
    """Show the text; the first two sections are open, since they hold what must not be missed."""
    sections = load_sections()
    st.info(sections.pop(""), icon=":material/info:")
    for index, (title, body) in enumerate(sections.items()):
        icon = _ICONS[index % len(_ICONS)]
        with st.expander(f"**{title}**", icon=icon, expanded=index < 2):
            st.markdown(body)
            if title.startswith("Training data"):
                _render_terms(workspace)
            if title.startswith("What is kept"):
                st.markdown(f"The workspace of this dashboard is {quote_markdown(str(workspace.root))}.")


def _render_terms(workspace: Workspace) -> None:
    sets = {info.name: info.terms for info in list_datasets(workspace)}
    models = {entry.key: entry.info.terms for entry in list_checkpoints(workspace)}
    for title, found in (("Data sets on this machine", sets), ("Models on this machine", models)):
        if found:
            st.markdown(f"**{title}, and the terms of the data behind them**\n\n{_list_terms(found)}")


def _list_terms(found: Mapping[str, Sequence[Terms]]) -> str:
    return "\n".join(
        f"- **{escape_markdown(name)}**: "
        f"{escape_markdown('; '.join(item.describe() for item in terms)) or _UNKNOWN} {describe_use(terms)}"
        for name, terms in found.items()
    )
