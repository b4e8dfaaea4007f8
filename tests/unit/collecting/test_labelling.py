"""What a browser sends, and what it is told."""

import pytest

from fer_core.collecting.labelling import WINDOW, describe_next, read_votes
from fer_core.collecting.labels import open_labels
from fer_core.errors import ConfigError
from tests.collections import make_collection, make_vote


@pytest.fixture
def collection(workspace):
    return make_collection(workspace, 40)


def send(**facts):
    vote = {"id": "a1", "face": "000002", "labels": ["fear"], "annotator": "Ann", "order": "mine"}
    return [{**vote, **facts}]


def test_a_message_becomes_votes(collection):
    (vote,) = read_votes(collection, send(order="disagreements"))
    assert (vote.face, vote.annotator, vote.labels, vote.again) == ("000002", "Ann", ("fear",), True)
    assert read_votes(collection, send(), annotator="logged in")[0].annotator == "logged in"
    assert read_votes(collection, []) == []


@pytest.mark.parametrize(
    "sent",
    [None, "x", [3], [{}], send(face="../../x"), send(labels="fear"), send(labels=[["fear"]]), send() * 501],
)
def test_what_is_no_message_is_refused(collection, sent):
    with pytest.raises(ConfigError):
        read_votes(collection, sent)


def test_what_comes_next(collection):
    book = open_labels(collection)
    book.add([make_vote(1, 1, ["fear"]), make_vote(2, 3, ["anger"])])
    told = describe_next(collection, book.read(), "Ann", skip=["000002"])
    assert (told["total"], told["left"], told["last"]) == (40, 38, "000003")
    assert [item["face"] for item in told["queue"]] == [f"{number:06d}" for number in range(4, 4 + WINDOW)]
    first = told["queue"][0]
    assert (first["clip"], first["person"], first["time"]) == ("clip-3.mp4", "person 1", "3.0 s")
    assert first["guess"][0] == ("happiness", 0.3)
    everything = describe_next(collection, book.read(), "Ben", skip=[f"{face:06d}" for face in range(41)])
    assert (everything["left"], everything["queue"], everything["last"]) == (40, [], "")
