"""The look that all pages share: logo and page header."""

from typing import Final

import streamlit as st

_FACE_SVG: Final[str] = (
    '<g fill="none" stroke="#3d9bd6" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round">'
    '<path d="M3 10V5.5A2.5 2.5 0 0 1 5.5 3H10M22 3h4.5A2.5 2.5 0 0 1 29 5.5V10M29 22v4.5A2.5 2.5 '
    '0 0 1 26.5 29H22M10 29H5.5A2.5 2.5 0 0 1 3 26.5V22"/><path d="M10.5 19q5.5 5.5 11 0"/></g>'
    '<g fill="#3d9bd6"><circle cx="11.5" cy="12.5" r="1.9"/><circle cx="20.5" cy="12.5" r="1.9"/></g>'
)
ICON_SVG: Final[str] = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">{_FACE_SVG}</svg>'
)
"""Ours, since browsers fetch a Material icon in the tab from fonts.gstatic.com: the page works offline."""
LOGO_SVG: Final[str] = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 176 32" width="176" height="32">'
    f"{_FACE_SVG}"
    '<text x="39" y="21.5" font-family="Source Sans, Source Sans Pro, sans-serif" font-size="16.5" '
    'font-weight="600" fill="#5f8fb0" textLength="132" lengthAdjust="spacingAndGlyphs">FER workbench</text>'
    "</svg>"
)
"""A mouth and two eyes in a detector's corners; its colours are readable on light and on dark.

The length of the text is fixed: an image cannot use the page's fonts, and some others are wider.
"""


_STYLE: Final[str] = (
    "<style>.stMainBlockContainer {padding-top: 4.5rem; padding-bottom: 3rem; max-width: 84rem;}"
    "[data-testid=stLayoutWrapper]:has(.st-key-at-work) {position: absolute;}"
    ".st-key-at-work {position: fixed; top: .6rem; right: 4rem; width: auto; z-index: 999991;}"
    ".st-key-at-work button {color: inherit !important;}"
    "[data-testid=stFileChip] [role=alert] {clip: auto; clip-path: none; height: auto; margin: 0 .5rem;"
    "max-width: 24rem; position: static; white-space: normal; width: auto; font-size: .8rem;}"
    "[data-testid=stCaptionContainer] {opacity: .75;} [data-testid=stCaptionContainer] code {color: inherit;}"
    "[data-testid=stCode] code span {color: inherit !important;}"
    "button[kind^=primary]:enabled {background-color: #0072b2; border-color: #0072b2;}"
    "button[kind^=primary]:enabled:hover {background-color: #005a8d; border-color: #005a8d;}"
    "[data-testid=stHeaderActionElements], a[aria-label='Link to heading'] {display: none;}"
    ".heatmaplayer:not(:empty) ~ .scatterlayer .trace:first-child text {fill: currentColor !important;}"
    "[data-testid=stTopNavLink] {padding-left: .45rem; padding-right: .45rem; gap: .35rem;}"
    ".stAppHeader a:focus-visible {outline: 2px solid currentColor; outline-offset: 1px;}</style>"
)
"""Less empty room above and below than Streamlit leaves, and readable lines on wide screens. What is at work
in the background is told within the navigation's bar, so that it moves nothing on the page. Numbers on the
pale cells of a matrix follow the theme at once; Streamlit leaves a chart's own colours when it is switched.

Captions are darker than Streamlit's, whose contrast is 4.3 on white, commands are not coloured (2.8), and
main buttons have the light theme's blue under their white words on dark, too: the links' blue there gives
3.1. `tests/e2e/test_contrast.py` wants 4.5.

For the keyboard: no stop at every heading's link to itself, and a visible focus in the navigation, where
Streamlit shows none.
"""


def apply_style() -> None:
    """Bring the look of every page in; the router does it once per run."""
    st.html(_STYLE)


def is_phone() -> bool:
    """Whether the browser calls itself one of a phone; only for defaults, which the user can change."""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def page_header(title: str, lead: str = "") -> None:
    """Show a page's title and one sentence on what it is for, if it needs to be said."""
    with st.container(gap="xsmall"):
        st.title(title, anchor=False)
        if lead:
            st.markdown(lead)
