"""What the browser's scripts do with files of the user's, in Node."""

import io
import json
import subprocess

import pandas as pd
import pytest

from fer_core.browser.modules import ASSETS
from fer_core.browser.page import PICTURE_COLUMNS
from tests.node import find_node

RUN = """
const { findFrame, rankFaces, Media } = await import(`${process.argv[1]}/media.js`);
const { Table } = await import(`${process.argv[1]}/table.js`);
const { Contest } = await import(`${process.argv[1]}/contest.js`);
const answer = (() => { %s })();
console.log(JSON.stringify(await answer));
"""


def run(script: str) -> object:
    command = [*find_node(), "--input-type=module", "-e", RUN % script, ASSETS.as_uri()]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=600).stdout)


def test_the_frame_that_is_shown_is_the_last_that_has_begun():
    frames = "[0, 0.1, 0.5].map((timeS) => ({ timeS }))"
    assert run(f"return [-1, 0, 0.09, 0.1, 0.4, 9].map((at) => findFrame({frames}, at).timeS);") == [
        *(0, 0, 0, 0.1, 0.1, 0.5)
    ]


@pytest.mark.parametrize("does", ["again", "rest"])
def test_a_video_that_is_stopped_before_its_first_frame_has_no_error(does):
    """Other settings have it read once more; after *Stop* it is forgotten, and is not played."""
    said = run(f"""
        globalThis.addEventListener = () => {{}};
        globalThis.document = {{ createElement: () => ({{
            videoWidth: 8, videoHeight: 6, duration: 1, pause() {{}}, append() {{}}, setAttribute() {{}},
            load() {{ this.onloadeddata(); }},
        }}) }};
        const element = {{ replaceChildren() {{}}, clientWidth: 0 }};
        let [numOpen, numPlayed, numPrepared] = [0, 0, 0];
        URL.createObjectURL = () => `blob:${{numOpen++}}`;
        URL.revokeObjectURL = () => numOpen--;
        const page = {{
            say() {{}}, hint() {{}}, pace() {{}}, clear() {{}}, stop() {{}}, models: () => [],
            async prepare() {{ if (!numPrepared++) media.{does}(); }},
            async play(source, take) {{ numPlayed++; take(0, {{ faces: [] }}); source.close(); }},
        }};
        const media = new Media(() => element, {{}}, page);
        media.show = async (item) => {{ media.shown = item; }};
        const end = () => [media.items.map(({{ state, error }}) => [state, error]), numPlayed, numOpen];
        return media.add([new File(["x"], "a.mp4", {{ type: "video/mp4" }})]).then(end);""")
    assert said == [[["read", ""]] if does == "again" else [], int(does == "again"), 0]


def test_the_face_that_is_there_longest_comes_first():
    frames = "[[3], [1, 3], [1], [1, 2], []].map((ids) => ({ faces: ids.map((id) => ({ id })) }))"
    assert run(f"return rankFaces({frames});") == [1, 3, 2]


def test_a_table_grows_by_parts_and_a_name_is_no_formula():
    """More lines than one part holds; a picture without a face has a row, too."""
    columns = json.dumps(["picture", *PICTURE_COLUMNS])
    text = run(f"""
        const table = new Table({columns});
        table.clear({{ columns: ["happy", "sad"], classes: [{{ name: "happy" }}, {{ name: "sad" }}] }});
        const reading = {{ probabilities: [0.25, 0.75], expected: 0.5, quality: null, flaws: [] }};
        const face = {{ id: 7, box: {{ x: 1, y: 2, width: 3, height: 4 }} }};
        const add = (faces) => table.add({{ picture: '=a,"b"' }}, faces, () => reading);
        for (let at = 0; at < 1500; at++) add(at ? [face, face] : []);
        return table.toBlob().text();""")
    found = pd.read_csv(io.StringIO(str(text)))
    assert list(found.columns) == ["picture", *PICTURE_COLUMNS, "happy", "sad"]
    assert len(found) == 1 + 2 * 1499 and set(found["picture"]) == {'\'=a,"b"'}
    assert found["num_faces"].tolist() == [0, *[2] * 2998]
    assert found["face"].tolist()[1:3] == [1, 2] and found["label"].tolist()[1] == "sad"


@pytest.mark.parametrize(
    ("rival_ms", "shift", "outcome"), [(10, 0, "won"), (18, 0, "lost"), (30, 0, "lost"), (1, 0.3, "lost")]
)
def test_a_graphics_processor_wins_only_if_it_is_clearly_faster_and_finds_the_same(rival_ms, shift, outcome):
    """Its first frames do not count; nothing is settled before eight frames or two seconds are over."""
    said = run(f"""
        const contest = new Contest({{ runtime: {{ gpu: {{}} }} }});
        const answer = (workMs, share) => ({{
            workMs,
            faces: [{{ box: {{ x: 1, width: 9 }}, readings: [{{ probabilities: [share, 1 - share] }}] }}],
        }});
        return Array.from({{ length: 60 }}, (_, at) =>
            contest.judge(answer(20, 0.5), answer(at < 5 ? 900 : {rival_ms}, 0.5 + {shift}), 100 * at));""")
    assert isinstance(said, list) and said[:5] == ["goes on"] * 5
    settled = next(at for at, word in enumerate(said) if word != "goes on")
    assert said[settled] == outcome and (settled == 5 if shift else settled >= 5 + 8)


def test_without_the_files_or_where_frames_are_quick_nothing_is_tried():
    follow = "contest.follow({}, 0, { numAnalysed: 99, p50Ms: 5 }, {}).then((to) => [to, contest.state])"
    for gpu in ("null", "{}"):
        assert run(f"const contest = new Contest({{ runtime: {{ gpu: {gpu} }} }}); return {follow};") == [
            *(None, "over")
        ]
