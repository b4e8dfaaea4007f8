"""Labels survive whatever ends the process, and two writers lose and double nothing."""

import json
import subprocess
import sys
import textwrap

import pytest

from fer_core.collecting.collection import LABELS_FILE
from fer_core.collecting.labels import check_vote, open_labels
from fer_core.errors import CollectionError, ConfigError
from fer_core.workspace import PROJECT_ROOT
from tests.collections import make_collection, make_vote

FACES = {"000001", "000002"}


@pytest.fixture
def collection(workspace):
    return make_collection(workspace, 2)


def read(collection):
    """By another book, as another process would."""
    return {key: vote.labels for key, vote in open_labels(collection).read().items()}


def test_the_last_vote_counts_and_an_empty_one_takes_it_back(collection):
    book = open_labels(collection)
    book.add([make_vote(1, 1, ["fear"]), make_vote(2, 1, ["anger"]), make_vote(3, 2, ["fear", "surprise"])])
    book.add([make_vote(4, 1, ["unsure"], "Ben")])
    assert read(collection) == {
        ("000001", "Ann"): ("anger",),
        ("000002", "Ann"): ("fear", "surprise"),
        ("000001", "Ben"): ("unsure",),
    }
    book.add([make_vote(5, 1, [])])
    assert ("000001", "Ann") not in read(collection)


def test_what_is_sent_twice_counts_once(collection):
    first, second = make_vote(1, 1, ["fear"]), make_vote(2, 1, ["anger"])
    for votes in ([first], [first, second], [first, first], [second, first]):
        open_labels(collection).add(votes)
    lines = (collection.folder / LABELS_FILE).read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [first.id, second.id]
    assert read(collection) == {("000001", "Ann"): ("anger",)}


def test_what_comes_late_does_not_win(collection):
    book = open_labels(collection)
    book.add([make_vote(5, 1, ["anger"]), make_vote(6, 2, ["fear"]), make_vote(7, 2, [])])
    late = [make_vote(3, 1, ["fear"]), make_vote(4, 2, ["anger"]), make_vote(2, 1, ["fear"], "Ben")]
    assert book.add(late, only_newer=True) == 1
    assert read(collection) == {("000001", "Ann"): ("anger",), ("000001", "Ben"): ("fear",)}
    assert book.add(late, only_newer=True) == 1, "read again, it is there already"


@pytest.mark.parametrize("torn", [b'{"id":"x","fa', b'{"id":"\xf0\x9f', b"\0\0\0"])
def test_half_a_line_of_a_power_cut_spoils_no_other(collection, torn):
    path = collection.folder / LABELS_FILE
    open_labels(collection).add([make_vote(1, 1, ["fear"])])
    with path.open("ab") as file:
        file.write(torn)
    book = open_labels(collection)
    assert len(book.read()) == 1
    book.add([make_vote(2, 2, ["anger"])])
    assert read(collection) == {("000001", "Ann"): ("fear",), ("000002", "Ann"): ("anger",)}


def test_a_full_disk_is_told_and_leaves_no_half_line(collection):
    """A file that may not grow takes a part of a line first, as a full disk does."""
    made = "from tests.collections import make_vote\nfrom fer_core.collecting.labels import LabelBook\n"
    program = made + textwrap.dedent(f"""
        import pathlib, resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        path = pathlib.Path({str(collection.folder / LABELS_FILE)!r})
        book = LabelBook(path)
        book.add([make_vote(1, 1, ["fear"])])
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, resource.RLIM_INFINITY))
        book.add([make_vote(2, 2, ["anger"])])
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert "StorageError" in done.stderr
    assert (collection.folder / LABELS_FILE).read_bytes().count(b"{") == 1


def test_damage_is_told(collection):
    (collection.folder / LABELS_FILE).write_text('{"id": 3}\n')
    with pytest.raises(CollectionError, match="is no label"):
        open_labels(collection).read()


def test_nothing_is_acknowledged_after_the_collection_is_gone(collection):
    book = open_labels(collection)
    (collection.folder / LABELS_FILE).unlink()
    with pytest.raises(CollectionError, match="nothing was saved"):
        book.add([make_vote(1, 1, ["fear"])])


WRITER = """
    import sys
    from pathlib import Path
    from fer_core.collecting.labels import LabelBook
    from tests.collections import make_vote

    book = LabelBook(Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        book.add([make_vote(number, number % 2 + 1, ["fear"], sys.argv[2])])
        print(f"{sys.argv[2]}-{number}", flush=True)
"""


def start_writer(collection, who, count):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), collection.folder / LABELS_FILE, who, str(count)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_lose_and_double_nothing(collection):
    writers = [start_writer(collection, who, 40) for who in ("Ann", "Ben")]
    told = [line for writer in writers for line in writer.communicate()[0].split()]
    lines = (collection.folder / LABELS_FILE).read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(told)
    assert len(told) == 80


def test_a_killed_process_loses_nothing_that_it_acknowledged(collection):
    told = []
    for kill_after in (1, 5):
        writer = start_writer(collection, f"Ann{kill_after}", 10_000)
        for _ in range(kill_after):
            told.append(writer.stdout.readline().strip())
        writer.kill()
        told += writer.communicate()[0].splitlines()
    kept = {json.loads(line)["id"] for line in (collection.folder / LABELS_FILE).read_text().splitlines()}
    assert set(told) <= kept


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"face": 3}, "no face '000003'"),
        ({"labels": ["joy"]}, "no label of 'own'"),
        ({"labels": ["unsure", "fear"]}, "stand alone"),
        ({"who": " "}, "needs the name"),
        ({"who": "a\nb\0"}, "can't be a name"),
        ({"who": "x" * 61}, "can't be a name"),
        ({"number": "../1"}, "can't be the id"),
    ],
)
def test_a_vote_from_elsewhere_is_checked(collection, facts, words):
    vote = make_vote(**{"number": 1, "face": 1, "labels": ["fear"], **facts})
    with pytest.raises(ConfigError, match=words):
        check_vote(collection, FACES, vote)
