"""Where training pictures come from and on what terms, as Markdown, for pages of data sets and models."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from fer_core.escaping import escape_markdown
from fer_core.provenance import Commercial, Terms, answer_use, judge_use

_BADGES: Final[dict[Commercial, str]] = {
    "yes": ":green-badge[:material/check: commercial use]",
    "no": ":red-badge[:material/block: no commercial use]",
    "unresolved": ":orange-badge[:material/help: commercial use not settled]",
}


def describe_use(terms: Sequence[Terms]) -> str:
    """A badge that answers whether commercial use is allowed."""
    return _BADGES[judge_use(terms)]


def describe_terms(terms: Sequence[Terms]) -> str:
    """A line per source: licences, where its pictures come from, where that is stated."""
    return "\n".join(map(_describe, terms)) or "- Origin and licence of the pictures: not stated"


def _describe(item: Terms) -> str:
    name, _, licences = item.describe().partition(": ")
    parts = [escape_markdown(licences), escape_markdown(item.pictures), escape_markdown(item.reference)]
    return f"- **{escape_markdown(name)}**: {' · '.join(filter(None, parts))}"


def render_use(terms: Sequence[Terms]) -> None:
    """Show the question that everybody asks, its answer in two sentences, and what it rests on."""
    st.markdown(
        f"##### May I use this commercially?\n\n{describe_use(terms)}\n\n"
        f"{escape_markdown(answer_use(terms))}\n\n{describe_terms(terms)}\n"
        "- The program's code: MIT, which does not cover pictures."
    )
