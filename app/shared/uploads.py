"""Files that come from a browser."""

import re
from typing import Final

UPLOAD_KEPT_S: Final[float] = 24 * 3600.0
"""How long an upload stays in the folder of its background task after that ended, in seconds."""


def clean_name(name: str) -> str:
    """A file name without folders, of letters, digits, `.`, `_`, `-`; `upload` if nothing is left.

    Examples:
        >>> clean_name("../My faces.zip")
        'My_faces.zip'
    """
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "_", last))[-80:].lstrip("._-") or "upload"
