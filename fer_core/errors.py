"""Errors that the user can do something about.

Every message says what was seen, what was expected and what to do next. Pages show these messages as they
are; any other exception is a bug and is allowed to surface as one.
"""

from pathlib import Path
from typing import Final

_FILE: Final = "the file"


class FerError(Exception):
    """Base of all errors that are meant to be read by the user."""


def leave_out_path(error: object, path: Path) -> str:
    """What is wrong with a file, for a text that has its name already: an upload's path is the server's own.

    Examples:
        >>> leave_out_path("/srv/a.jpg is no picture", Path("/srv/a.jpg"))
        'the file is no picture'
    """
    text = str(error).replace(str(path), _FILE)
    return _FILE + text.removeprefix(path.name) if text.startswith(f"{path.name} ") else text


class ConfigError(FerError, ValueError):
    """A setting is unknown, out of range, or does not go with the others."""


class MissingPackageError(FerError, ImportError):
    """What was asked for needs a package that is not installed here."""


class PluginError(FerError):
    """What an installed package adds to the workbench does not work."""


class DataError(FerError):
    """A data set, or the file it is imported from, is missing, malformed or unsafe."""


class CheckpointError(FerError):
    """A checkpoint is missing, damaged, or does not describe itself."""


class ExportError(FerError):
    """A model can't be exported, or the exported file does not compute what the model computes."""


class MediaError(FerError):
    """An image, video or camera can't be read, or is unsafe to decode."""


class StorageError(FerError, OSError):
    """A disk is full, read-only, or may not be written; `errno` and `strerror` are the system's."""

    def __str__(self) -> str:
        return str(self.args[0])  # OSError would put its number in place of the message


class RunError(FerError):
    """A run folder is missing or can't be used for what was asked."""


class AnalysisError(FerError):
    """A kept analysis is missing or damaged, or can't be used for what was asked."""


class StudyError(FerError):
    """A study is missing or damaged, or can't be used for what was asked."""


class CollectionError(FerError):
    """A collection of faces is missing or damaged, or can't be used for what was asked."""
