"""Taking secrets out of texts that are shown, logged or kept."""

import logging
import os
import re
from typing import Final

from fer_core.escaping import escape_unseen

_NAMED: Final[re.Pattern[str]] = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|_KEY$", re.IGNORECASE
)
"""Environment variables whose values are nobody's business: HF_TOKEN, KAGGLE_KEY, WANDB_API_KEY ..."""
_SHORTEST: Final[int] = 8
"""Shorter values are no secrets worth the name, and would be found in ordinary words."""
_IN_URL: Final[re.Pattern[str]] = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)")
_IN_QUERY: Final[re.Pattern[str]] = re.compile(
    r"(?<=[?&])([\w-]*(?:signature|token|secret|credential|password|key|policy)=)[^&\s'\")]+", re.IGNORECASE
)
_BEARER: Final[re.Pattern[str]] = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}")
HIDDEN: Final[str] = "***"


def redact(text: str) -> str:
    """Return `text` without passwords in addresses, signed queries, and what the environment keeps secret.

    Examples:
        >>> redact("postgresql://me:word@host/db did not answer")
        'postgresql://***@host/db did not answer'
    """
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _NAMED.search(name):
            text = text.replace(value, HIDDEN)
    text = _IN_URL.sub(HIDDEN, text)
    text = _IN_QUERY.sub(rf"\1{HIDDEN}", text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Writes log records, tracebacks included, without secrets and control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return escape_unseen(redact(super().format(record)))
