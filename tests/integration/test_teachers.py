"""Teachers that are asked once, before the first step."""

import dataclasses
import shutil

import pytest

from fer_core.cli import main
from fer_core.config import DistillConfig, ModelConfig, OptimizerConfig, load_preset
from fer_core.data.builtin import open_dataset
from fer_core.errors import ConfigError, RunError
from fer_core.models import load_checkpoint
from fer_core.runs.reader import load_run
from fer_core.runs.writer import RunWriter
from fer_core.training import losses
from fer_core.training.estimate import estimate_training
from fer_core.training.lr_finder import run_rate_test
from fer_core.training.task import prepare_task
from fer_core.training.trainer import create_trainer, resume_trainer
from tests.integration.test_learning_options import CONFIG
from tests.small_models import save_small_model

TAUGHT = dataclasses.replace(CONFIG, epochs=1, distill=DistillConfig(teachers="teacher", views="original"))


@pytest.fixture
def faces(workspace, draw_faces):
    draw_faces(workspace, "faces", num_images=160)
    return workspace


@pytest.fixture
def teacher(faces, monkeypatch):
    """Asked about 32 of the 112 training images at once."""
    save_small_model(faces, "teacher", always="fear")
    monkeypatch.setattr(losses, "_ANSWERED_AT_ONCE", 32)


class StopWhenAsked:
    """Keeps what an observer is told; asks for a stop at the second batch."""

    def __init__(self, stops):
        self.stops, self.told, self.trainer = stops, [], None

    def on_asked(self, done, total):
        self.told.append((done, total))
        if self.stops and done == 2:
            self.trainer.request_stop()

    def on_step(self, *_):
        self.told.append("step")

    def on_epoch(self, record):
        pass


@pytest.mark.usefixtures("teacher")
def test_a_run_tells_how_many_answers_it_has_and_can_be_stopped_before_the_last(faces, monkeypatch):
    seen = []

    def see(self, state, **facts):
        self.set_state(state, **facts)
        status = load_run(self.folder).status
        seen.append((status.message, status.share))

    monkeypatch.setattr(RunWriter, "write_heartbeat", see)
    observer = StopWhenAsked(stops=False)
    trainer = create_trainer(TAUGHT, faces, name="unbroken", observer=observer)
    assert trainer.run() == "finished"
    assert observer.told[:5] == [(1, 4), (2, 4), (3, 4), (4, 4), "step"]
    assert observer.told.count((4, 4)) == 1, "once for the whole run"
    asking = "Asking teacher about the training images"
    assert seen[:5] == [(asking, 0.25), (asking, 0.5), (asking, 0.75), (asking, 1.0), (None, None)]

    observer = StopWhenAsked(stops=True)
    observer.trainer = create_trainer(TAUGHT, faces, name="broken", observer=observer)
    assert observer.trainer.run() == "stopped"
    assert observer.told == [(1, 4), (2, 4)]
    assert seen[-1] == (asking, 0.5)
    status = load_run(faces.run("broken")).status
    assert (status.message, status.share) == (None, None)
    assert resume_trainer("broken", faces).run() == "finished"
    shas = [load_checkpoint(faces.run(name) / "last")[1].weights_sha256 for name in ("unbroken", "broken")]
    assert shas[0] == shas[1]


@pytest.mark.usefixtures("teacher")
def test_what_the_teachers_take_is_in_the_estimate_and_in_the_bar_of_the_rate_test(faces, monkeypatch):
    asked = []
    answer = losses.Teachers.forward
    monkeypatch.setattr(
        losses.Teachers, "forward", lambda self, images: (asked.append(len(images)), answer(self, images))[1]
    )
    found = estimate_training(TAUGHT, faces, num_measured=3)
    assert len(asked) == 3, "some of the four batches"
    assert found.seconds_before > 0
    assert found.total_seconds == pytest.approx(found.seconds_before + found.seconds_per_epoch)
    told = []
    run_rate_test(
        prepare_task(TAUGHT, open_dataset("faces", faces), workspace=faces),
        num_steps=20,
        on_progress=lambda *item: told.append(item),
    )
    assert told[:5] == [(done, 24) for done in range(1, 6)]
    assert estimate_training(CONFIG, faces, num_measured=3).seconds_before == 0


@pytest.mark.usefixtures("teacher")
def test_a_run_does_not_go_on_with_another_teacher(faces):
    observer = StopWhenAsked(stops=True)
    observer.trainer = create_trainer(TAUGHT, faces, name="taught", observer=observer)
    assert observer.trainer.run() == "stopped"
    shutil.rmtree(faces.run("teacher"))
    save_small_model(faces, "teacher", always="anger")
    with pytest.raises(RunError, match=r"^teacher 'teacher' changed since run 'taught' began"):
        resume_trainer("taught", faces)


def test_a_run_does_not_go_on_with_another_replayed_data_set(faces, draw_faces):
    draw_faces(faces, "again", num_images=64)
    config = dataclasses.replace(CONFIG, data=dataclasses.replace(CONFIG.data, replay="again"))
    trainer = create_trainer(config, faces, name="replays")
    trainer.request_stop()
    assert trainer.run() == "stopped"
    shutil.rmtree(faces.dataset("again"))
    draw_faces(faces, "again", num_images=80)
    with pytest.raises(RunError, match="replayed data set 'again' changed since run 'replays' began"):
        resume_trainer("replays", faces)


def test_no_part_of_a_batch_is_a_single_image(faces):
    """Seven images in three parts are 3, 2, 2; batch normalisation can't take one alone."""
    config = dataclasses.replace(
        CONFIG,
        epochs=1,
        batch_size=7,
        model=ModelConfig(name="plain_cnn", arguments={"widths": "8-8", "dense": 8}),
        optimizer=OptimizerConfig(accumulation_steps=3),
    )
    assert create_trainer(config, faces, name="parts").run() == "finished"


def test_what_the_program_explains_comes_without_a_traceback(faces):
    config = dataclasses.replace(
        CONFIG, epochs=1, optimizer=OptimizerConfig(learning_rate=1e9, gradient_clip=0)
    )
    with pytest.raises(ConfigError, match="the loss became"):
        create_trainer(config, faces, name="wild").run()
    log = (faces.run("wild") / "log.txt").read_text()
    assert "run failed: the loss became" in log and "Traceback" not in log


def test_the_preset_teaches_the_network_of_fer_tiny_what_fer_small_says(workspace, draw_faces):
    draw_faces(workspace, "ferplus", num_images=64)
    assert load_preset("distilled").model == load_preset("tiny").model
    command = ["train", "--preset", "distilled", "--name", "taught", "--epochs", "2", "--batch-size", "16"]
    assert main([*command, "--threads", "1", "--nice", "0"]) == 0
    run = load_run(workspace.run("taught"))
    assert run.state == "finished"
    origin = load_checkpoint(run.folder / "best")[1].origin
    assert (origin["teachers"], origin["started_from"]) == ("fer-small", "fer-small")
    assert "fer-small: asked about" in (run.folder / "log.txt").read_text()
