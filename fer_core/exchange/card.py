"""Model cards: reading, safe showing and saving of `MODEL_CARD.md`, which may be a third party's text."""

from pathlib import Path
from typing import Final

from fer_core.checkpoint import CARD_FILE
from fer_core.errors import CheckpointError
from fer_core.io import write_text
from fer_core.links import check_link

MAX_CARD_BYTES: Final[int] = 64 * 1024
"""Ten pages of text; more would be something else, and slow to show."""
_ZERO_WIDTH_SPACE: Final[str] = "\u200b"


def load_card(folder: Path) -> str:
    """Text of the card of the checkpoint in `folder`; empty if it has none.

    Raises:
        CheckpointError: it is too large, no UTF-8 text, or a link out of the folder.
    """
    path = folder / CARD_FILE
    check_link(path, folder, CheckpointError)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CARD_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as cause:
        raise CheckpointError(f"{path} can't be read: {cause.strerror}") from cause
    return decode_card(data, source=str(path))


def decode_card(data: bytes, *, source: str) -> str:
    """Turn the bytes of a card into text.

    Args:
        data: what was read.
        source: names it in messages.

    Raises:
        CheckpointError: too large, not UTF-8, or with control characters.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as cause:
        raise CheckpointError(f"{source} is not UTF-8 text: {cause.reason} at byte {cause.start}") from cause
    _check_card(text, source)
    return text


def save_card(folder: Path, text: str, *, based_on: str) -> None:
    """Replace the card of the checkpoint in `folder`, atomically.

    Args:
        folder: of the checkpoint.
        text: the new card, Markdown.
        based_on: the card that the user began with; if the one on disk is another by now, theirs is kept.

    Raises:
        CheckpointError: too large, control characters, or somebody changed the card meanwhile.
    """
    text = text.replace("\r\n", "\n").rstrip() + "\n"
    _check_card(text, CARD_FILE)
    if load_card(folder) != based_on:
        raise CheckpointError(
            f"{folder / CARD_FILE} was changed by someone else while you wrote; copy your text, reload the "
            "page and put it in again"
        )
    try:
        write_text(folder / CARD_FILE, text)
    except OSError as cause:
        raise CheckpointError(f"{folder / CARD_FILE} can't be written: {cause.strerror}") from cause


def _check_card(text: str, source: str) -> None:
    size = len(text.encode())
    if size > MAX_CARD_BYTES:
        raise CheckpointError(
            f"{source} has more than {MAX_CARD_BYTES // 1024} KB; shorten the card, or link to the long text"
        )
    strange = sorted({f"U+{ord(char):04X}" for char in text if ord(char) < 32 and char not in "\n\t"})
    if strange:
        raise CheckpointError(
            f"{source} holds control characters ({', '.join(strange)}); expected plain text"
        )


def disarm_markdown(text: str) -> str:
    """Return Markdown that loads nothing from elsewhere when it is shown.

    Raw HTML is the renderer's business (Streamlit shows it as text). What is left is images: their address
    would tell a third party's server who reads the card, so they become links.

    Examples:
        >>> disarm_markdown("![a](http://b/c.png)").replace(chr(0x200b), "·")
        '!·[a](http://b/c.png)'
    """
    return text.replace("![", f"!{_ZERO_WIDTH_SPACE}[")
