"""What is kept between reruns: models for all sessions, results for one session."""

import hashlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import streamlit as st

from fer_core.checkpoint import CheckpointEntry
from fer_core.inference.class_prior import GENERAL_PRIOR, with_prior
from fer_core.inference.interfaces import Predictor
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.voice import VoiceModel

T = TypeVar("T")

_MAX_MODELS: Final[int] = 4


def checkpoint_fingerprint(entry: CheckpointEntry) -> str:
    """Identify a checkpoint's content: weights, preprocessing, classes and calibration."""
    return hashlib.sha256(json.dumps(entry.info.to_dict(), sort_keys=True).encode()).hexdigest()


def load_shared_predictor(entry: CheckpointEntry, prior: str = GENERAL_PRIOR) -> Predictor:
    """Return the predictor of a checkpoint, loaded once for all sessions and again only when it changes.

    Args:
        entry: the checkpoint.
        prior: how often each class is expected, as for `with_prior`.

    Raises:
        CheckpointError: it is damaged.
        ConfigError: the prior can't be used with it.
    """
    return _load_with_prior(str(entry.folder), checkpoint_fingerprint(entry), prior)


@st.cache_resource(max_entries=2 * _MAX_MODELS, show_spinner=False)
def _load_with_prior(folder: str, fingerprint: str, prior: str) -> Predictor:
    """The same object for the same choice: the live session sees by that whether anything changed."""
    return with_prior(_load_predictor(folder, fingerprint), prior)


@st.cache_resource(max_entries=_MAX_MODELS, show_spinner="Loading the model…")
def _load_predictor(folder: str, fingerprint: str) -> Predictor:
    from fer_core.inference.predictor import load_predictor

    return load_predictor(folder, Workspace.default())


def load_shared_voice(entry: CheckpointEntry) -> "VoiceModel":
    """Return a voice model, loaded once for all sessions.

    Raises:
        CheckpointError: it is damaged.
    """
    return _load_voice(str(entry.folder), checkpoint_fingerprint(entry))


@st.cache_resource(max_entries=_MAX_MODELS, show_spinner="Loading the model…")
def _load_voice(folder: str, fingerprint: str) -> "VoiceModel":
    from fer_core.voice import load_voice_model

    return load_voice_model(folder, Workspace.default())


class SessionCache(Generic[T]):
    """The most recently used results of one browser session; they go with it."""

    def __init__(self, max_entries: int) -> None:
        """Keep at most `max_entries`."""
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[str, ...], T] = OrderedDict()

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self._entries

    def get(self, key: tuple[str, ...]) -> T:
        """Return what is kept under `key`, which must be in the cache."""
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: tuple[str, ...], value: T) -> None:
        """Keep `value` and forget what was not used for longest."""
        self._entries[key] = value
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
