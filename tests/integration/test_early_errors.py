"""What can't work is told before the built-in set is drawn, which takes a minute of processor time."""

import dataclasses

import pytest

from fer_core import jobs
from fer_core.cli import main
from fer_core.config import DataConfig, DistillConfig, ModelConfig, TrainConfig, TransferConfig
from fer_core.data import builtin
from fer_core.errors import FerError
from fer_core.training.estimate import estimate_training
from fer_core.training.task import load_task
from fer_core.training.trainer import create_trainer


@pytest.fixture
def undrawn(workspace, monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("the set was drawn")

    monkeypatch.setattr(builtin, "generate_schematic_faces", refuse)
    monkeypatch.setenv("FER_WORKSPACE", str(workspace.root))
    return workspace


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--model.name", "fer_restnet"], "Did you mean 'fer_resnet'"),
        (["train", "--model.name", "fer_restnet", "--detach"], "Did you mean 'fer_resnet'"),
        (["train", "--model.name", "timm/resnet81"], "timm/resnet"),
        (["train", "--model.arguments.depths", "0-1"], "depths"),
        (["train", "--batch-size", "5000"], "batch_size is 5000"),
        (["train", "--data.valid-split", "vaild"], "no split 'vaild'"),
        (["lr-find", "--model.name", "fer_restnet"], "Did you mean 'fer_resnet'"),
        (["estimate", "--model.name", "fer_restnet"], "Did you mean 'fer_resnet'"),
        (["datasets", "derive", "schematic-faces", "new", "--relabel", "3=angr"], "unknown emotion 'angr'"),
        (["datasets", "derive", "schematic-faces", "new", "--relabel", "4000=anger"], "rows 0 to 3999"),
        (["datasets", "derive", "schematic-faces", "new", "--classes", "angr"], "none of the classes"),
        (["datasets", "derive", "schematic-faces", "new", "--exclude", "-1"], "row -1"),
        (["import", "schematic-faces", "--map", "joy=happiness"], "drawn, not read"),
        (["import", "kaggle:owner/name", "--map", "joy=hapiness"], "unknown emotion 'hapiness'"),
    ],
)
def test_commands_tell_it_before_anything_is_drawn_or_fetched(undrawn, capsys, arguments, message):
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
    assert not undrawn.runs.exists()
    assert not undrawn.datasets.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ModelConfig(name="fer_restnet")},
        {"data": DataConfig(train_split="trian")},
        {"transfer": TransferConfig(weights="no-such-run")},
        {"distill": DistillConfig(teachers="no-such-run")},
    ],
)
def test_the_library_too(undrawn, changes):
    config = dataclasses.replace(TrainConfig(), **changes)
    for begin in (load_task, create_trainer, estimate_training):
        with pytest.raises(FerError, match=r"fer_resnet|no split|no-such-run"):
            begin(config, undrawn)
    assert not undrawn.runs.exists()


def test_a_submitted_run_fails_before_it_draws(undrawn):
    """As with a search, whose runs nobody has checked: the process that trains says it first of all."""
    from fer_core.jobs.stopping import StopSignal
    from fer_core.jobs.worker import train_run

    writer = jobs.enqueue_run(TrainConfig(model=ModelConfig(name="fer_restnet")), undrawn, device="cpu")
    with pytest.raises(FerError, match="fer_resnet"):
        train_run(writer, undrawn, stop=StopSignal(()))


def test_the_description_of_the_undrawn_set_is_that_of_the_drawn_one(workspace, monkeypatch):
    monkeypatch.setattr(builtin, "NUM_IMAGES", 96)
    told = builtin.describe_dataset("schematic-faces", workspace)
    drawn = builtin.write_schematic_faces(workspace, num_images=96)
    assert dataclasses.replace(drawn, fingerprint="") == dataclasses.replace(
        told, split_counts=dict(told.split_counts)
    )
