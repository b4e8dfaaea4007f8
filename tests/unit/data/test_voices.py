"""Importing voices: published data sets by their names, own folders and lists, and clips that are no good."""

import numpy as np
import pytest

from fer_core.checkpoint import SoundSpec
from fer_core.cli import main
from fer_core.data.importers.pictures import PictureOptions
from fer_core.data.importers.sounds import cut_windows
from fer_core.data.importers.voice_layouts import split_crema_actors
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.splits import SplitPlan
from fer_core.data.store import load_dataset
from fer_core.data.targets import compute_targets
from fer_core.errors import DataError
from tests.unit.data.pictures import write_tree, write_zip
from tests.voices import emodb_files, encode_wav, make_sound, voice

VOTES = '"","A","D","F","H","N","S","fileName"\n' + "".join(
    f'"{part}{number:05}",{counts},"{name}"\n'
    for number, (name, by_part) in enumerate(
        {
            "1001_DFA_ANG_XX": {"1": "6,2,0,0,1,0", "2": "0,0,0,0,9,0", "3": "8,0,0,0,0,0"},
            "1002_DFA_SAD_XX": {"1": "0,0,0,0,7,3", "2": "0,0,0,0,1,8"},
            "1003_DFA_HAP_XX": {"1": "0,0,0,4,4,0"},
        }.items()
    )
    for part, counts in by_part.items()
)

# Importer, names, and of each clip read: emotion and speaker.
LAYOUTS = {
    "EmoDB": ("emodb", ["wav/03a01Fa.wav", "wav/08b10Ld.wav"], {"happiness": "03", "boredom": "08"}),
    "EmoDB as FLAC": ("emodb", ["flac/03a01Wa.flac", "flac/16a02Tb.flac"], {"anger": "03", "sadness": "16"}),
    "CREMA-D, each twice": (
        "crema-d",
        [
            *("AudioMP3/1001_DFA_ANG_XX.mp3", "AudioMP3/1002_ITH_SAD_X.mp3"),
            *("AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_ITH_SAD_X.wav"),
        ],
        {"anger": "1001", "sadness": "1002"},
    ),
    "RAVDESS": (
        "ravdess",
        ["Actor_01/03-01-02-01-01-01-01.wav", "Actor_24/03-02-08-02-01-02-24.wav"],
        {"calm": "01", "surprise": "24"},
    ),
    "TESS": (
        "tess",
        ["OAF_angry/OAF_back_angry.wav", "OAF_neutral/OA_bite_neutral.wav", "YAF_p/YAF_back_ps.wav"],
        {"anger": "OA", "neutral": "OA", "surprise": "YA"},
    ),
    "SAVEE": ("savee", ["AudioData/DC/a01.wav", "AudioData/KL/sa02.wav"], {"anger": "DC", "sadness": "KL"}),
    "SAVEE, flat": ("savee", ["ALL/JK_su01.wav", "ALL/JE_n30.wav"], {"surprise": "JK", "neutral": "JE"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_data_set_is_known_by_its_names(name, tmp_path):
    importer, files, expected = LAYOUTS[name]
    found = inspect_source(write_tree(tmp_path / "source", dict.fromkeys(files, b"")))
    assert found.kind == importer and found.scan.kind == "sound"
    mapping = found.scan.suggest_mapping()
    assert {mapping[item.label]: item.group for item in found.scan.items} == expected
    assert len(found.scan.items) == len(expected) and found.terms
    assert all(item.path.endswith((".wav", ".flac")) for item in found.scan.items)


@pytest.fixture(scope="module")
def emodb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    files = emodb_files()
    options = PictureOptions(sound=SoundSpec(window_s=1.0), splits=SplitPlan(valid=0.25, test=0.25))
    import_source(inspect_source(write_zip(folder / "emodb.zip", files)), folder / "emodb", options)
    return load_dataset(folder / "emodb")


def test_emodb_with_its_listeners(emodb):
    info = emodb.info
    assert info.kind == "sound" and (info.height, info.width) == (64, 100)
    assert info.classes[-1] == "boredom" and len(info.classes) == 7
    assert emodb.clips.shape == (28, 16_000) and emodb.clips.dtype == np.int16
    sides = emodb.samples.groupby("group")["split"].nunique()
    assert (sides == 1).all() and set(info.split_counts) == {"train", "valid", "test"}
    assert "licence has been verified" in info.terms[0].unresolved
    # 95.5 % of the listeners recognised anger; the rest is spread evenly over six classes.
    row = int(np.flatnonzero(emodb.samples["label"] == "anger")[0])
    soft = compute_targets(emodb, "all", "crossentropy")
    assert soft.distributions[row] == pytest.approx(
        [0.955 if name == "anger" else 0.045 / 6 for name in info.classes]
    )
    hard = compute_targets(emodb, "all", "majority")
    assert hard.distributions[row].max() == 1 and "listeners" in soft.protocol


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Nr.\tSatz\terkannt\n1\t03a01Wa.wav\tviel\n", "line 2"),
        ("Nr.\tSatz\terkannt\n1\t03a01Wa.wav\t140,0\n", "line 2"),
    ],
)
def test_damaged_rates_are_named(text, says, tmp_path):
    files = {**dict.fromkeys(("03a01Wa.wav", "08a01Fa.wav"), b""), "erkennung.txt": text.encode()}
    with pytest.raises(DataError, match=says):
        inspect_source(write_tree(tmp_path / "source", files))


def test_rates_of_some_clips_only_are_left_out(tmp_path):
    files = dict.fromkeys(("03a01Wa.wav", "08a01Fa.wav"), b"")
    files["erkennung.txt"] = b"Nr.\tSatz\terkannt\n1\t03a01Wa.wav\t90,00\n"
    scan = inspect_source(write_tree(tmp_path / "source", files)).scan
    assert "nothing of 1 clips" in scan.notes[0] and all(item.rate is None for item in scan.items)


def test_crema_d_votes_and_split(tmp_path):
    names = ["1001_DFA_ANG_XX", "1002_DFA_SAD_XX", "1003_DFA_HAP_XX", "1004_DFA_FEA_XX"]
    files = {f"AudioWAV/{name}.wav": b"" for name in names} | {"processedResults/tabulatedVotes.csv": VOTES}
    scan = inspect_source(write_tree(tmp_path / "source", files)).scan
    assert [item.raters.count(("NEU",)) for item in scan.items] == [1, 7, 4]
    assert scan.items[0].facts["acted"] == "anger" and scan.items[1].facts["face_votes"] == "NEU 1 SAD 8"
    assert [file for file, _ in scan.skipped] == ["AudioWAV/1004_DFA_FEA_XX.wav"]
    splits = split_crema_actors()
    counts = [list(splits.values()).count(split) for split in ("train", "valid", "test")]
    assert counts == [63, 9, 19] and {item.split for item in scan.items} == {splits[n[:4]] for n in names[:3]}


def test_crema_d_votes_that_are_damaged(tmp_path):
    files = {"AudioWAV/1001_DFA_ANG_XX.wav": b"", "tabulatedVotes.csv": VOTES.replace("6,2,0", "6,x,0")}
    with pytest.raises(DataError, match=r"tabulatedVotes\.csv, line 2"):
        inspect_source(write_tree(tmp_path / "source", files))


def test_own_folders_need_speakers(workspace, tmp_path, capsys):
    files = {
        f"{label}/{who}_{label}.wav": voice() for label in ("happy", "bored") for who in ("ann", "bob", "cy")
    }
    source = str(write_tree(tmp_path / "own", files))
    assert main(["import", source]) == 1
    said = capsys.readouterr().err
    assert "who speaks is not known for 6 of 6 sounds" in said and "--group-by" in said
    assert main(["import", source, "--group-by", "([a-z]+)_", "--valid", "0.3", "--test", "0.3"]) == 0
    assert "own: 6 clips of 2 s" in capsys.readouterr().out
    dataset = load_dataset(workspace.dataset("own"))
    assert dataset.info.classes == ("happiness", "boredom")
    assert dataset.samples.groupby("group")["split"].nunique().eq(1).all()


def test_a_list_that_puts_a_speaker_on_two_sides_is_refused(workspace, tmp_path, capsys):
    rows = [("1", "sad", "ann", "train"), ("2", "happy", "ann", "test"), ("3", "sad", "bob", "train")]
    files = {f"{name}.wav": voice() for name, *_ in rows}
    table = "file,emotion,speaker,split\n" + "".join(f"{n}.wav,{e},{s},{p}\n" for n, e, s, p in rows)
    source = str(write_tree(tmp_path / "own", {**files, "list.csv": table}))
    assert main(["import", source]) == 1
    assert "1 speakers are in more than one split, as 'ann' in test and train" in capsys.readouterr().err
    assert not workspace.dataset("own").exists()


def test_clips_that_are_no_good_are_said(workspace, tmp_path, capsys):
    loud = np.clip(4 * make_sound(1.0), -1, 1)
    files = {
        "happy/a_good.wav": voice(),
        "sad/b_good.wav": voice(),
        "happy/a_short.wav": voice(0.1),
        "happy/a_silent.wav": encode_wav(np.zeros(16_000)),
        "sad/b_clipped.wav": encode_wav(loud),
        "sad/b_telephone.wav": voice(rate=8000),
        "sad/b_corrupt.wav": b"RIFFnothing",
        "sad/b_empty.wav": b"",
        "sad/b_picture.wav": b"\x89PNG\r\n",
    }
    source = str(write_tree(tmp_path / "own", files))
    assert main(["import", source, "--group-by", "/([a-z])_", "--valid", "0", "--test", "0.4"]) == 0
    printed = capsys.readouterr()
    for name, reason in (
        ("a_short", "0.10 s of sound"),
        ("a_silent", "silent"),
        ("b_corrupt", ""),
        ("b_empty", ""),
    ):
        assert any(name in line and reason in line for line in printed.err.splitlines()), name
    assert "own: 4 clips" in printed.out
    assert "note: 1 clips: The sound has 8,000 samples a second" in printed.out
    assert "clip" in printed.out.partition("note: 1 clips:")[2]


def test_sound_beside_pictures_is_left_out(tmp_path):
    from tests.unit.data.pictures import encode

    files = {"happy/1.png": encode(1), "sad/2.png": encode(2), "sad/3.wav": voice()}
    found = inspect_source(write_tree(tmp_path / "mixed", files))
    assert found.scan.kind == "image" and len(found.scan.items) == 2
    assert ("sad/3.wav", "sound beside pictures") in found.scan.skipped


@pytest.mark.parametrize(("seconds", "starts"), [(0.7, [0]), (1.3, None), (2.7, [0, 0.85, 1.7])])
def test_long_clips_give_several_windows(seconds, starts):
    spec = SoundSpec(window_s=1.0)
    samples = make_sound(seconds)
    samples[: round(0.2 * 16_000)] *= 0.01
    found = cut_windows(samples, spec)
    if starts is None:  # a single one is the loudest stretch
        assert len(found) == 1 and found[0][0] >= 0.2 * 16_000 - 1
    else:
        assert [start for start, _ in found] == pytest.approx([16_000 * start for start in starts], abs=1)
    assert all(len(part) <= spec.num_samples for _, part in found)


def test_derived_sets_keep_sound(emodb, tmp_path):
    from fer_core.data.derive import Derivation, derive_dataset

    derive_dataset(
        emodb, tmp_path / "less", Derivation(classes=("anger", "boredom"), split=SplitPlan(valid=0.3))
    )
    less = load_dataset(tmp_path / "less")
    assert less.info.sound == emodb.info.sound and less.clips.shape == (8, 16_000)
    assert less.samples.groupby("group")["split"].nunique().eq(1).all()
