"""What a run learns with, and what it writes down: each option in a real, short training."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from fer_core.config import (
    AugmentConfig,
    DataConfig,
    DistillConfig,
    LogConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    TransferConfig,
    load_augment_policy,
)
from fer_core.data.builtin import open_dataset
from fer_core.errors import ConfigError
from fer_core.models import load_checkpoint
from fer_core.runs.reader import load_run
from fer_core.training.estimate import estimate_training
from fer_core.training.lr_finder import run_rate_test, suggest_rate
from fer_core.training.task import prepare_task
from fer_core.training.train_step import TrainStep
from fer_core.training.trainer import create_trainer, resume_trainer
from tests.small_models import save_small_model

SMALL = {"stem_width": 8, "widths": "8-16", "depths": "1-1"}
CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(arguments=SMALL, height=24, width=24),
    augment=load_augment_policy("none"),
    optimizer=OptimizerConfig(name="adamw", learning_rate=4e-3, weight_decay=0.05),
    log=LogConfig(tensorboard=False),
    epochs=2,
    batch_size=16,
    ema_decay=0.0,
    threads=1,
    precision="fp32",
)


@pytest.fixture
def faces(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=160)
    return workspace


def train(workspace, name="run", **changes):
    trainer = create_trainer(dataclasses.replace(CONFIG, **changes), workspace, name=name)
    assert trainer.run() == "finished"
    return load_run(workspace.run(name))


def last_loss(run):
    return run.load_metrics()[-1].train_loss


def test_a_run_writes_gradients_validation_and_tensorboard_events(faces):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(faces, log=LogConfig())
    lines = [json.loads(line) for line in (run.folder / "gradients.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert "classifier" in lines[0]["layers"]
    for values in lines[0]["layers"].values():
        assert values["gradient_norm"] > 0
        assert values["weight_norm"] >= 0
    validation = json.loads((run.folder / "validation.json").read_text())
    best = max(run.load_metrics(), key=lambda record: record.valid_accuracy)
    confusion = validation["confusion"]
    assert sum(map(sum, confusion)) == best.valid_n
    right = sum(row[index] for index, row in enumerate(confusion))
    assert right / best.valid_n == pytest.approx(best.valid_accuracy)
    data = open_dataset("faces", faces)
    for sample in validation["samples"]:
        assert data.samples["split"].iloc[sample["row"]] == "valid"
        assert sum(sample["probabilities"]) == pytest.approx(1)
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert [item.step for item in events.Scalars("valid_accuracy")] == [1, 2]
    tags = events.Tags()
    assert "predictions" in tags["images"]
    assert {"weights/classifier.weight", "gradients/classifier.weight"} <= set(tags["histograms"])
    assert "gradient_norm/classifier" in tags["scalars"]


def test_accumulated_gradients_are_those_of_the_whole_batch(faces):
    trainer = create_trainer(CONFIG, faces, name="run")
    model = trainer.setup.model.eval()  # in training, batch normalisation sees the parts
    picked = np.arange(16)
    gradients, losses = [], []
    for num_parts in (1, 4):
        trainer.setup.train_step.num_parts = num_parts
        losses.append(trainer.setup.train_step._compute_gradients(model, 1, picked).loss.item())
        gradients.append([item.grad.clone() for item in model.parameters()])
        trainer.setup.optimizer.zero_grad()
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for whole, parts in zip(*gradients, strict=True):
        assert torch.allclose(whole, parts, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"distill": DistillConfig(teachers="teacher", weight=0.7, temperature=2.0)},
        {"distill": DistillConfig(teachers="teacher", views="original")},
        {"optimizer": dataclasses.replace(CONFIG.optimizer, sam_rho=0.05)},
        {"loss": LossConfig(name="focal", label_smoothing=0.1, class_weights="effective")},
        {"data": DataConfig(dataset="faces", sampling="balanced", label_mode="probability")},
        {"augment": load_augment_policy("strong")},
        {"augment": load_augment_policy("ferplus")},
        {"transfer": TransferConfig(layer_decay=0.8)},
        {"deterministic": True, "augment": dataclasses.replace(CONFIG.augment, small_until=0.5)},
        {"swa_fraction": 0.5, "data": DataConfig(dataset="faces", label_temperature=0.5)},
        {
            "model": dataclasses.replace(
                CONFIG.model, arguments=SMALL | {"convolutions": "repvgg", "attention": "cbam"}
            )
        },
        {"precision": "bf16", "optimizer": OptimizerConfig(learning_rate=0.02, schedule="step")},
    ],
    ids=[
        "distill",
        "distill-original",
        "sam",
        "focal",
        "balanced",
        "strong",
        "ferplus",
        "layer-decay",
        "deterministic-small-first",
        "swa-sharp",
        "repvgg-cbam",
        "bf16-step",
    ],
)
def test_every_option_learns_and_resumes_exactly(faces, changes):
    if "distill" in changes:
        save_small_model(faces, "teacher", always="fear")
    unbroken = train(faces, "unbroken", **changes)
    losses = [record.train_loss for record in unbroken.load_metrics()]
    assert losses[1] < losses[0]
    trainer = create_trainer(dataclasses.replace(CONFIG, **changes), faces, name="broken")
    take, counted = trainer.setup.train_step.run, []

    def take_and_stop(*arguments):
        counted.append(1)
        if len(counted) == 4:
            trainer.request_stop()
        return take(*arguments)

    trainer.setup.train_step.run = take_and_stop
    assert trainer.run() == "stopped"
    assert resume_trainer("broken", faces).run() == "finished"
    broken = load_run(faces.run("broken"))
    assert [record.train_loss for record in broken.load_metrics()] == losses
    shas = [load_checkpoint(run.folder / "last")[1].weights_sha256 for run in (unbroken, broken)]
    assert shas[0] == shas[1]


def test_only_the_head_learns_while_the_rest_is_frozen(faces):
    config = dataclasses.replace(CONFIG, transfer=TransferConfig(freeze_epochs=1), epochs=2)
    trainer = create_trainer(config, faces, name="frozen")
    before = {name: item.clone() for name, item in trainer.setup.model.state_dict().items()}
    seen = []

    class Watch:
        def on_step(self, *_):
            pass

        def on_epoch(self, record):
            state = trainer.setup.model.state_dict()
            seen.append({name for name in state if not torch.equal(state[name], before[name])})

    trainer.observer = Watch()
    trainer.run()
    assert seen[0] == {"classifier.weight", "classifier.bias"}
    assert any(name.startswith("layers.") for name in seen[1])
    first, second = (
        json.loads(line)["layers"]
        for line in (trainer.writer.folder / "gradients.jsonl").read_text().splitlines()
    )
    assert first["layers.0.0"]["gradient_norm"] is None
    assert second["layers.0.0"]["gradient_norm"] > 0


def test_plateau_cuts_the_learning_rate(faces):
    optimizer = OptimizerConfig(
        name="adamw",
        learning_rate=1e-7,  # too low to gain anything
        schedule="plateau",
        plateau_patience=1,
        step_factor=0.5,
        warmup_fraction=0,
    )
    rates = [record.learning_rate for record in train(faces, optimizer=optimizer, epochs=4).load_metrics()]
    assert rates[0] == pytest.approx(1e-7)
    assert rates[-1] < rates[0]


def run_out_of_memory(trainer, *, until_parts):
    """Make every step fail as a full device does, until batches are split into so many parts."""
    compute = trainer.setup.train_step._compute_gradients

    def fail_or_compute(model, epoch, picked):
        if trainer.setup.train_step.num_parts < until_parts:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return compute(model, epoch, picked)

    trainer.setup.train_step._compute_gradients = fail_or_compute


def test_out_of_memory_says_what_to_try(faces):
    trainer = create_trainer(CONFIG, faces, name="full")
    run_out_of_memory(trainer, until_parts=2)
    with pytest.raises(ConfigError, match=r"batch_size 8.*accumulation_steps to 2"):
        trainer.run()
    run = load_run(faces.run("full"))
    assert run.state == "failed"
    assert "memory" in run.status.message


def test_out_of_memory_halves_when_asked_to(faces):
    trainer = create_trainer(dataclasses.replace(CONFIG, halve_on_out_of_memory=True), faces, name="halved")
    run_out_of_memory(trainer, until_parts=4)
    assert trainer.run() == "finished"
    assert trainer.setup.train_step.num_parts == 4
    assert "split into 4 parts" in (trainer.writer.folder / "log.txt").read_text()


def test_learning_rate_test_finds_a_slope_and_writes_nothing(faces):
    task = prepare_task(CONFIG, open_dataset("faces", faces))
    told = []
    test = run_rate_test(task, num_steps=40, on_progress=lambda done, total: told.append((done, total)))
    assert len(test.rates) == len(test.losses) == len(told)
    assert 1e-5 < test.suggestion < 3
    assert all(math.isfinite(loss) for loss in test.losses)
    assert not faces.runs.exists()
    with pytest.raises(ConfigError, match="20 steps"):
        run_rate_test(task, num_steps=5)


def test_learning_rate_test_freezes_what_training_freezes(faces):
    config = dataclasses.replace(CONFIG, transfer=TransferConfig(freeze_epochs=2))
    task = prepare_task(config, open_dataset("faces", faces))
    before = {name: item.clone() for name, item in task.model.state_dict().items()}
    run_rate_test(task, num_steps=22)  # into the fourth epoch
    after = task.model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}


def test_training_rate_test_and_estimate_take_the_same_steps(faces, monkeypatch):
    """Same images in the same order, same layers learning, in the three that take steps."""
    config = dataclasses.replace(
        CONFIG,
        data=DataConfig(dataset="faces", sampling="balanced"),
        transfer=TransferConfig(freeze_epochs=1),
        ema_decay=0.9,
    )
    seen = []
    run = TrainStep.run

    def watch(self, model, epoch, step, picked, learning_rate):
        learning = [name for name, item in model.named_parameters() if item.requires_grad]
        seen.append((epoch, step, picked.tolist(), learning, torch.is_autocast_enabled("cpu")))
        return run(self, model, epoch, step, picked, learning_rate)

    monkeypatch.setattr(TrainStep, "run", watch)
    create_trainer(config, faces, name="run").run()
    in_training, seen[:] = seen[:], []
    run_rate_test(prepare_task(config, open_dataset("faces", faces)), num_steps=20)
    in_rate_test, seen[:] = seen[:], []
    estimate_training(config, faces, num_measured=3)
    in_estimate = seen
    num_steps = len(in_training) // 2
    assert in_rate_test[:num_steps] == in_training[:num_steps]
    assert in_estimate[:6] == in_training[:6]
    assert in_estimate[6:12] == in_training[num_steps : num_steps + 6], "the epoch after thawing"
    assert len(in_training[0][3]) == 2 < len(in_training[-1][3])


def test_steepest_slope_of_a_known_curve():
    rates = np.geomspace(1e-4, 1, 41)
    losses = 2 - np.tanh(2 * (np.log10(rates) + 2))  # steepest at 1e-2
    assert suggest_rate(rates, losses) == pytest.approx(1e-2, rel=0.01)
    with pytest.raises(ConfigError, match="diverged"):
        suggest_rate(rates[:5], losses[:5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 500}, "batch_size is 500.*images"),
        ({"precision": "fp16"}, "fp16.*bf16"),
        ({"model": ModelConfig(name="fer_restnet")}, "fer_resnet"),
        ({"model": ModelConfig(arguments={"wdths": "8"})}, "widths"),
        ({"log": LogConfig(tracker="wandb")}, "pip install wandb"),
        (
            {"model": ModelConfig(name="plain_cnn"), "augment": AugmentConfig(small_until=0.5)},
            "plain_cnn does not take smaller images",
        ),
        (  # it takes 32 px
            {
                "model": ModelConfig(name="timm/dla34", height=64, width=64),
                "augment": AugmentConfig(small_until=0.5),
            },
            "timm/dla34 does not take smaller images .43x43 px",
        ),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_written(faces, changes, message):
    with pytest.raises(ConfigError, match=message):
        create_trainer(dataclasses.replace(CONFIG, **changes), faces, name="bad")
    assert not faces.runs.exists()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OptimizerConfig(learning_rate=-1), "optimizer.learning_rate is -1"),
        (lambda: OptimizerConfig(schedule="cosin"), "Did you mean 'cosine'"),
        (lambda: ModelConfig(height=48), "both model.height and model.width"),
        (lambda: AugmentConfig(crop_fraction=0), "augment.crop_fraction"),
        (lambda: TransferConfig(layer_decay=0), "transfer.layer_decay"),
        (lambda: LossConfig(label_smoothing=1.0), "loss.label_smoothing"),
        (lambda: DistillConfig(teachers=" ,"), "distill.teachers is ' ,', which names none"),
        (lambda: DistillConfig(temperature=1e-6), "distill.temperature is 1e-06; expected"),
        (lambda: DataConfig(label_temperature=0), "data.label_temperature is 0"),
        (lambda: TrainConfig(swa_fraction=1.5), "swa_fraction is 1.5"),
        (lambda: TrainConfig(precision="fp16", optimizer=OptimizerConfig(sam_rho=0.1)), "sam_rho"),
        (lambda: TrainConfig(batch_size=8, optimizer=OptimizerConfig(accumulation_steps=5)), "at most 4"),
    ],
)
def test_settings_out_of_range_name_the_field(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
