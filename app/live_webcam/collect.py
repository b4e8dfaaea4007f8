"""Collecting faces from the camera: on while its switch is, and never otherwise."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.live_webcam.camera import LiveChoice, LiveKey, show_switch
from app.shared.callbacks import uninterrupted
from app.shared.messages import error_boundary
from app.shared.navigation import LABEL
from app.shared.session_cache import load_shared_predictor
from app.shared.session_end import at_session_end
from app.shared.visitor import get_visitor
from fer_core.collecting.collection import clean_person, open_or_create
from fer_core.collecting.live import LiveCollector
from fer_core.collecting.picking import Picked
from fer_core.errors import CollectionError
from fer_core.escaping import escape_markdown
from fer_core.inference.live import LiveSession
from fer_core.words import count as count_words
from fer_core.workspace import Workspace, validate_name

if TYPE_CHECKING:
    from fer_core.inference.interfaces import Predictor

QUERY: Final[str] = "collect"
"""Query parameter that names the collection to which faces are to go."""
_NOTICE: Final[str] = (
    "Some of the faces in view are kept on this computer, in the collection, until you delete them there. "
    "Tell everyone in view."
)
_COUNT: Final[int] = 20
"""Faces that are kept of one stretch."""


@dataclass(slots=True)
class _Clips:
    """The clip that is being collected, if one is; what the end of the session must forget."""

    current: LiveCollector | None = None
    name: str = ""
    """Collection that it goes to: the page's fields are forgotten while another page is shown."""
    picked: tuple[str, Picked] | None = None
    """What came of the last one: the collection's name, and its new faces."""
    ending: threading.Lock = field(default_factory=threading.Lock)
    """Held while a clip is put into its collection: Streamlit may begin the page's next run meanwhile."""

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
        self.current = None


def render_collect(session: LiveSession, choice: LiveChoice, workspace: Workspace, *, playing: bool) -> None:
    """A switch that collects faces for as long as it is on, and what came of it."""
    clips = _get_clips()
    at_session_end(LiveKey.COLLECTOR, clips.close)
    if not playing:  # the camera's own button ended it
        _finish(session, choice, workspace)
    with clips.ending:
        collector = clips.current
    show_switch(LiveKey.COLLECT, collector is not None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.text_input(
            "Collection",
            st.query_params.get(QUERY, "my-faces"),
            key=LiveKey.COLLECTION,
            max_chars=100,
            disabled=collector is not None,
            width=180,
        )
        st.text_input(
            "Who is in view",
            "me",
            key=LiveKey.PERSON,
            max_chars=60,
            disabled=collector is not None,
            width=140,
        )
        st.toggle(
            "Collect faces",
            key=LiveKey.COLLECT,
            on_change=_toggle,
            args=(session, choice, workspace),
            disabled=not playing,
            help=_NOTICE,
        )
    if collector is not None:
        st.caption(f":material/info: {_NOTICE}")
        _count(collector)
    _tell()


@st.fragment(run_every=1.0)
def _count(collector: LiveCollector) -> None:
    with error_boundary():
        st.markdown(f":red-badge[:material/face: Collecting] {count_words(collector.num_seen, 'face')} seen")
        if collector.problem:
            st.warning(escape_markdown(collector.problem), icon=":material/warning:")


def _get_clips() -> _Clips:
    clips: _Clips = st.session_state.setdefault(LiveKey.COLLECTOR, _Clips())
    return clips


@uninterrupted
def _toggle(session: LiveSession, choice: LiveChoice, workspace: Workspace) -> None:
    if not st.session_state[LiveKey.COLLECT]:
        _finish(session, choice, workspace)
        return
    with error_boundary():
        name = validate_name(st.session_state[LiveKey.COLLECTION].strip(), "collection")
        person, clips = clean_person(st.session_state[LiveKey.PERSON]), _get_clips()
        collector = LiveCollector(person=person)
        clips.current, clips.name = collector, name
        session.watch(collector.take)


def _finish(session: LiveSession, choice: LiveChoice, workspace: Workspace) -> None:
    session.watch(None)
    clips = _get_clips()
    with error_boundary(), clips.ending:
        if clips.current is None:
            return
        try:
            # Streamlit may leave the run at either of these two, to come back: nothing is lost by then.
            visitor, predictor = get_visitor(), load_shared_predictor(choice.models[0], choice.prior)
            clips.picked = clips.name, _keep(clips.current, workspace, clips.name, visitor, predictor)
        except Exception:  # but not where Streamlit leaves the run: the faces are still wanted then
            clips.close()
            raise
        clips.close()


def _keep(
    collector: LiveCollector, workspace: Workspace, name: str, visitor: str, predictor: "Predictor"
) -> Picked:
    if not collector.num_seen:
        raise CollectionError("no face was seen, so nothing was collected; come into view, and try again")
    collection = open_or_create(workspace, name, owner=visitor)
    if not collection.is_of(visitor):
        raise CollectionError(f"the collection {name!r} is somebody else's; choose another name")
    return collector.finish(collection, predictor, count=_COUNT)


def _tell() -> None:
    clips = _get_clips()
    if clips.picked is None:
        return
    name, picked = clips.picked
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/check: {len(picked.faces):d} of {count_words(picked.num_seen, 'face')} went into "
            f"**{escape_markdown(name)}**. "
            "Collect two or three times, in another light or place: one of them then shows how good the "
            "model is.",
            width="stretch",
        )
        st.page_link(
            LABEL.build(), label="Label them", icon=":material/label:", query_params={"collection": name}
        )
