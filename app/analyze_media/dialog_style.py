"""How the page's file dialogs look: large where there is nothing yet, else a button in a row of chips."""

from typing import Final

import streamlit as st

CHIP_LENGTH: Final[int] = 26
"""Of a name on a chip."""
_SMALL: Final[str] = """
KEY [data-testid=stWidgetLabel], KEY [data-testid=stFileUploaderDropzoneInstructions],
KEY [data-testid=stFileChips] > div > div:has([data-testid=stFileChip]:not([aria-invalid])) {display: none;}
KEY [data-testid=stElementContainer]:has(> .stFileUploader) {flex: none; width: max-content; min-width: 0;}
KEY [data-testid=stElementContainer]:has([aria-invalid], .stAlert) {flex-basis: 100%; order: 1;}
KEY [role=radiogroup] {flex-wrap: nowrap; overflow-x: auto; padding: 2px;}
KEY [role=radio] {flex: none;}
KEY [class*=_chips] {min-width: 0;}
@media (max-width: 640px) {KEY > :has(> [class*=_chips]) {flex-basis: 100%;}}
KEY [data-testid=stFileUploaderDropzone] {background: none; border: none; min-height: 2.5rem; padding: 0;}
KEY [data-testid=stFileChips] {margin: 0;}
KEY [aria-label="Add files"] {width: auto;}
KEY [aria-label="Add files"]::after {content: "Add pictures"; padding-left: .3rem; white-space: nowrap;}
"""
_LARGE: Final[str] = """
KEY [data-testid=stFileUploaderDropzone] {align-items: center; flex-direction: column; gap: .5rem;
justify-content: center; min-height: 10rem;}
KEY [data-testid=stFileUploaderDropzone] > * {flex: none; max-width: 100%;
text-align: center; white-space: normal;}
"""


_FOLDER: Final[str] = """
KEY .stFileUploader button, KEY .stFileUploader button p {font-size: 0;}
KEY .stFileUploader button::after {content: "A whole folder"; font-size: .875rem;}
"""


def style_dialog(key: str, *, is_small: bool, is_folder: bool = False) -> None:
    """Bring in the look of the file dialog in the container called `key`."""
    rules = (_SMALL if is_small else _LARGE) + (_FOLDER if is_folder else "")
    st.html(f"<style>{rules.replace('KEY', f'.st-key-{key}')}</style>")
