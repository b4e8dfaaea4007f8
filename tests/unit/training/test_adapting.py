"""What adapting a model plans: who is held out, what is replayed, and what can't be adapted to."""

from typing import Any

import numpy as np
import pytest

from fer_core.checkpoint import (
    DEFAULT_CHECKPOINT,
    EARLIER_KEY,
    choose_default,
    get_default_key,
    load_checkpoint_info,
    save_checkpoint_info,
)
from fer_core.data.builtin import open_dataset
from fer_core.data.store import SPLITS, VOTE_COLUMNS
from fer_core.errors import CheckpointError, ConfigError, DataError
from fer_core.labels import EMOTIONS
from fer_core.training.adapting import AdaptOptions, plan_adaptation
from fer_core.workspace import Workspace
from tests.own_faces import write_own_faces
from tests.small_models import save_small_model, save_small_voice


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    save_small_model(workspace, "old")
    return workspace


def plan(workspace: Workspace, **options: Any) -> Any:
    return plan_adaptation(AdaptOptions(model="old", dataset="own", **options), workspace)


def test_nobody_is_learned_and_held_out(ready: Workspace) -> None:
    write_own_faces(ready)
    made = plan(ready)
    assert made.config.data.dataset == "own-by-person"
    assert (made.column, made.num_groups) == ("person", 10)
    samples = open_dataset("own-by-person", ready).samples
    assert samples.groupby("group")["split"].nunique().max() == 1
    assert (samples["group"] == samples["person"]).all()
    assert made.counts == {name: int((samples["split"] == name).sum()) for name in SPLITS}
    assert min(made.counts.values()) >= 6, "one person at least, each with 6 faces"


def test_splits_that_keep_people_apart_stay(ready: Workspace) -> None:
    people = [f"p{index // 6}" for index in range(60)]
    splits = ["train"] * 36 + ["valid"] * 12 + ["test"] * 12
    write_own_faces(ready, split=splits, group=people, person=None)
    assert plan(ready).config.data.dataset == "own"


def test_a_divided_copy_is_made_once_for_each_state_of_the_data_set(ready: Workspace) -> None:
    write_own_faces(ready)
    assert plan(ready).config == plan(ready).config
    (ready.dataset("own")).rename(ready.dataset("moved"))
    write_own_faces(ready, num_people=12)
    assert plan(ready).config.data.dataset == "own-by-person-2"


def test_one_person_in_many_clips_is_divided_by_clip(ready: Workspace) -> None:
    clips = [f"c{index // 5}" for index in range(60)]
    write_own_faces(ready, person="Ann", clip=clips)
    made = plan(ready)
    assert made.column == "clip"
    assert any("one person" in note for note in made.notes)


def test_people_who_are_not_known_do_not_hide_their_clips(ready: Workspace) -> None:
    clips = [f"c{index // 5}" for index in range(60)]
    write_own_faces(ready, person=["Ann"] + [""] * 59, clip=clips)
    made = plan(ready)
    assert (made.column, made.num_groups) == ("clip", 12)


def test_the_network_and_its_preprocessing_are_the_models(ready: Workspace) -> None:
    write_own_faces(ready)
    info = load_checkpoint_info(ready.run("old") / "best")
    config = plan(ready).config
    assert (config.model.name, config.model.arguments) == (info.architecture, info.arguments)
    assert config.transfer.adapt
    assert config.transfer.freeze_epochs == 0
    assert plan(ready, layers="head").config.transfer.freeze_epochs == config.epochs


@pytest.mark.parametrize("key", ["fingerprint", EARLIER_KEY])
def test_what_a_model_was_trained_on_is_replayed(ready: Workspace, key: str) -> None:
    known = write_own_faces(ready, "known", num_people=2)
    write_own_faces(ready)
    folder = ready.run("old") / "best"
    info = load_checkpoint_info(folder)
    mark = known.fingerprint
    data = {key: mark} if key == "fingerprint" else {key: [{"name": "known", "fingerprint": mark}]}
    save_checkpoint_info(folder, info.__class__(**{**_fields(info), "data": data}))
    assert plan(ready).config.data.replay == "known"
    assert plan(ready, replay="none").config.data.replay == ""


def test_without_that_the_model_is_its_own_teacher(ready: Workspace) -> None:
    write_own_faces(ready)
    made = plan(ready)
    assert made.config.data.replay == ""
    assert made.config.distill.teachers == "old"
    assert any("not on this machine" in note for note in made.notes)


def _fields(info: Any) -> dict[str, Any]:
    return {name: getattr(info, name) for name in info.__dataclass_fields__}


NO_VOTES = dict.fromkeys(VOTE_COLUMNS, 0)


@pytest.mark.parametrize(
    ("faces", "options", "error", "words"),
    [
        ({"num_people": 3}, {}, DataError, "18 labelled faces"),
        (
            {"classes": ("anger", "fear"), "label": "anger"},
            {},
            DataError,
            "every labelled face .* shows anger",
        ),
        ({"person": "Ann"}, {}, DataError, "too few people or clips"),
        ({"person": None}, {}, DataError, "Name a column with --group"),
        ({}, {"group": "who"}, DataError, "no column 'who'"),
        ({"classes": ("neutral", "boredom")}, {}, ConfigError, "boredom too"),
        ({"classes": EMOTIONS, **NO_VOTES}, {}, DataError, "no face of 'own' has a label yet"),
        ({}, {"replay": "nowhere"}, DataError, "no data set 'nowhere'"),
    ],
)
def test_what_can_not_be_adapted_to_is_told_before_a_run_is_made(
    ready: Workspace, faces: dict, options: dict, error: type[Exception], words: str
) -> None:
    write_own_faces(ready, **faces)
    with pytest.raises(error, match=words):
        plan(ready, **options)


def test_every_face_of_somebody_else_is_a_statement(ready: Workspace) -> None:
    write_own_faces(ready, person=None)
    made = plan(ready, group="none")
    assert (made.column, made.num_groups) == ("", 60)
    assert min(made.counts.values()) > 0


def test_an_onnx_file_alone_can_not_learn(ready: Workspace) -> None:
    write_own_faces(ready)
    for path in (ready.run("old") / "best").glob("*.safetensors"):
        path.unlink()
    with pytest.raises(CheckpointError, match="ONNX file without weights"):
        plan(ready)


def test_voices_are_neither_adapted_nor_chosen_for_faces(ready: Workspace) -> None:
    save_small_voice(ready, "voice")
    with pytest.raises(CheckpointError, match="reads voices"):
        plan_adaptation(AdaptOptions(model="voice", dataset="own"), ready)
    with pytest.raises(CheckpointError, match="reads voices"):
        choose_default("voice/best", ready)
    assert get_default_key(ready) == DEFAULT_CHECKPOINT


def test_a_division_depends_on_nothing_but_the_faces(ready: Workspace) -> None:
    write_own_faces(ready)
    plan(ready)
    first = open_dataset("own-by-person", ready).samples["split"].to_numpy()
    write_own_faces(ready, "twin")
    plan_adaptation(AdaptOptions(model="old", dataset="twin"), ready)
    assert np.array_equal(first, open_dataset("twin-by-person", ready).samples["split"].to_numpy())
