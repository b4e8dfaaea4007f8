"""What a page says when something is missing or went wrong. The one place that shows errors."""

import logging
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from app.shared.visitor import may_name_paths
from fer_core.errors import ConfigError, FerError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.extras import explain_missing_packages
from fer_core.workspace import Workspace

logger = logging.getLogger(__name__)

RESPONSIBLE_USE: Final[str] = (
    "The program reads **apparent expressions** of faces, not feelings: a face says little about what a "
    "person feels, and models err more often on some people than on others. Ask before you analyze someone, "
    "and base no decision about a person on it."
)
FOLDER_NEEDED: Final[str] = "no folder is named yet; type the path of one on this machine"
UNEXPECTED: Final[str] = (
    "Something unexpected went wrong, and it is the program's fault. What happened is in the log of the "
    "terminal that runs the dashboard. Reload the page to try again."
)


def show_error(error: FerError, *, about: str = "") -> None:
    """Show an error that the user can do something about.

    Args:
        error: its message says what was seen, what was expected and what to do next.
        about: the file that it is about, where there are several.
    """
    text = describe_error(error)
    st.error(f"**{escape_markdown(about)}** — {text}" if about else text, icon=":material/error:")


def describe_error(error: object) -> str:
    """What an error says, as Markdown."""
    return escape_markdown(shorten_paths(str(error)))


def shorten_paths(text: str) -> str:
    """The text; without where the workspace lies, if the user doesn't sit at this machine."""
    return text if may_name_paths() else text.replace(str(Workspace.default().root), "workspace")


@contextmanager
def error_boundary() -> Iterator[None]:
    """Turn errors of the block into messages: a `FerError` as it is, any other as a short apology and a log.

    The router wraps every page in it; a fragment needs one of its own, since Streamlit reruns fragments
    without running the router. Streamlit's own signals (rerun, stop) pass through.
    """
    try:
        with explain_missing_packages():
            yield
    except FerError as error:
        show_error(error)
    except Exception:  # the last resort: logged in full, shown without a traceback
        logger.exception("unexpected error on a page")
        st.error(UNEXPECTED, icon=":material/error:")


def require_text(text: str, advice: str) -> str:
    """What was typed, without spaces around it.

    No button waits for a text, greyed out: the text comes when its field is left, so by the click on the
    button, which would be lost.

    Raises:
        ConfigError: nothing was typed; `advice` says what to type.
    """
    if not text.strip():
        raise ConfigError(advice)
    return text.strip()


def warn_missing(kind: str, asked: Iterable[str], known: Container[str]) -> None:
    """Say which names of an address mean nothing here, where the page shows something else instead.

    Args:
        kind: what they should be, such as `data set`.
        asked: names; may be anything, since addresses are typed and sent. An empty one asks for nothing.
        known: those that there are.
    """
    for name in asked:
        if not name or name in known:
            continue
        st.warning(
            f"There is no {kind} {quote_markdown(name[:100])} on this machine; it was renamed, deleted, or "
            "never made here.",
            icon=":material/link_off:",
        )


def empty_state(title: str, text: str, *, icon: str = ":material/info:") -> None:
    """Explain a place that has nothing to show yet, and what to do about it. `text` is Markdown."""
    with st.container(border=True, gap="small"):
        st.markdown(f"##### {icon} {title}")
        st.markdown(text)
