"""Labelling: a fragment of its own, so that a key redraws nothing else and is saved before that."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from app.label.components.labeller import embed_pictures, list_texts, render_labeller, take_sent
from app.label.state import Key
from app.shared.messages import empty_state, error_boundary
from app.shared.visitor import get_visitor
from fer_core.collecting import Collection
from fer_core.collecting.labelling import WINDOW, describe_next, list_faces, read_votes
from fer_core.collecting.labels import LabelBook, open_labels
from fer_core.collecting.queues import ORDERS, Order
from fer_core.errors import FerError

_MAX_SKIPPED: Final[int] = 500


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the last message led to."""

    number: int = 0
    saved: tuple[str, ...] = ()
    problem: str = ""
    have: tuple[str, ...] = ()
    want: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    frame: str = ""


def render_labelling(collection: Collection) -> None:
    """Let somebody label the faces of a collection."""
    if collection.load_faces().empty:
        empty_state(
            "No face yet",
            "Get some under **Collect**: from pictures, videos, a study or the camera.",
            icon=":material/add_a_photo:",
        )
        return
    visitor = get_visitor()
    first, second = st.columns([1, 2], vertical_alignment="bottom")
    typed = first.text_input(
        "Your name",
        visitor or "me",
        key=f"{Key.ANNOTATOR}_{visitor}",
        max_chars=60,
        disabled=bool(visitor),
        persist_state="session",
        help="Labels are kept by name: several people can label the same faces, at once if they like.",
    )
    order: Order = second.selectbox(
        "Show",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        key=Key.ORDER,
        persist_state="session",
        help="A disagreement comes back once to everybody who labelled that face.",
    )
    annotator = " ".join((visitor or typed).split())
    if not annotator:
        st.info("Type your name: labels are kept by name.", icon=":material/person:")
        return
    _render(collection, annotator, order)
    st.caption(
        "Keys: **1** to **8** label and go on · **U** unsure · **0** no face · **Shift** with a number for "
        "several, then **Enter** · **Backspace** undo · **→** skip · **+ −** zoom · **F** frame · "
        "**G** guess · **V** grid"
    )


@st.fragment
def _render(collection: Collection, annotator: str, order: Order) -> None:
    with error_boundary():
        key = f"labeller_{collection.name}"
        answer: _Answer = st.session_state.get(Key.ANSWER, _Answer())
        data = describe_next(collection, _open(collection).read(), annotator, order, answer.skip)
        lacking = [item["face"] for item in data["queue"] if item["face"] not in answer.have]
        wanted = [*answer.want, *lacking][:WINDOW]
        render_labeller(
            {
                **data,
                "collection": collection.name,
                "classes": list(collection.classes),
                "annotator": annotator,
                "order": order,
                "version": f"{collection.name} {collection.record.created} {annotator} {order}",
                "number": answer.number,
                "saved": list(answer.saved),
                "problem": answer.problem,
                "pictures": embed_pictures({face: collection.face_file(face) for face in wanted}, "png"),
                "frame": _describe_frame(collection, answer.frame),
            },
            key=key,
            on_sent=lambda: _save(collection, key),
        )


def _describe_frame(collection: Collection, face: str) -> dict[str, str] | None:
    found = embed_pictures({face: collection.frame_file(face)}, "jpeg") if face else {}
    return {"face": face, "picture": found[face]} if found else None


def _save(collection: Collection, key: str) -> None:
    """Take what the browser sent, before anything is drawn; what is said to be saved is on the disk."""
    sent = take_sent(key)
    saved: tuple[str, ...] = ()
    problem = ""
    faces = list_faces(collection)
    try:
        votes = read_votes(collection, sent.get("votes", []), annotator=get_visitor())
        _open(collection).add(votes)
        saved = tuple(vote.id for vote in votes)
    except FerError as error:
        problem = str(error)
    number, frame = sent.get("number"), sent.get("frame")
    st.session_state[Key.ANSWER] = _Answer(
        number=number if isinstance(number, int) else 0,
        saved=saved,
        problem=problem,
        have=tuple(list_texts(sent.get("have"), 100)),
        want=tuple(face for face in list_texts(sent.get("want"), WINDOW) if face in faces),
        skip=tuple(list_texts(sent.get("skip"), _MAX_SKIPPED)),
        frame=frame if isinstance(frame, str) and frame in faces else "",
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _share_book(_collection: Collection, folder: str, created: str) -> LabelBook:
    return open_labels(_collection)


def _open(collection: Collection) -> LabelBook:
    """The labels, read once for all sessions."""
    return _share_book(collection, str(collection.folder), str(collection.record.created))
