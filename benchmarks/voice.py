"""How well a model of voices reads a speaker that it never heard: leave one speaker out.

    python benchmarks/voice.py ../shared/data/emodb_2s.zip

For every speaker a network is trained on the others by the preset `voice` (weights of the last epoch: nothing
is chosen on the held-out speaker) and asked about his or her clips. UAR is the mean recall of the classes.
Beside it stands UAR with the speaker's baseline taken off: the mean log probability of each class over all
clips of the speaker, whatever was expressed. Intervals draw speakers anew: clips of one are not independent.
"""

import dataclasses
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro

from fer_core.config import TrainConfig, load_preset
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.store import Dataset, load_dataset
from fer_core.evaluation.scoring import compute_logits, compute_probabilities
from fer_core.io import write_json
from fer_core.training.setup import TrainingSetup
from fer_core.training.task import Task, prepare_task
from fer_core.voice.model import compute_baseline, take_off

Probabilities = npt.NDArray[np.float64]
NUM_RESAMPLES = 2000


def main(
    source: tyro.conf.Positional[Path],
    seeds: tuple[int, ...] = (0, 1, 2),
    speakers: int = 0,
    epochs: int = 0,
    out: Path | None = None,
) -> None:
    """Import the source, train a network for each speaker and seed, and print what they are worth.

    Args:
        source: EmoDB, or any other source of voices with known speakers.
        seeds: a whole round for each.
        speakers: only the first few; 0 takes all.
        epochs: in place of the preset's; 0 keeps them.
        out: JSON with all figures, and probabilities of each clip. It is written after each training, and
            those that it holds are not repeated: a run that was stopped goes on.
    """
    kept: dict[str, Any] = json.loads(out.read_text())["trainings"] if out and out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        import_source(inspect_source(source), Path(folder) / "voices")
        dataset = load_dataset(Path(folder) / "voices")
        groups = dataset.samples["group"].to_numpy(object)
        chosen = sorted(set(groups))[: speakers or None]
        rows = np.flatnonzero(np.isin(groups, chosen))
        found = [np.zeros((len(groups), len(dataset.info.classes))) for _ in seeds]
        for seed, speaker in itertools.product(seeds, chosen):
            held_out = np.flatnonzero(groups == speaker)
            name = f"seed {seed}, without {speaker}"
            if name not in kept:
                begun = time.process_time()
                kept[name] = train_without(dataset, held_out, choose_config(seed, epochs, groups)).tolist()
                print(f"{name}: {time.process_time() - begun:.0f} CPU s", flush=True)
                if out is not None:
                    write_json(out, {"trainings": kept})
            found[seeds.index(seed)][held_out] = kept[name]
    labels = dataset.samples["label"].map(dataset.info.classes.index).to_numpy(np.int64)[rows]
    result = describe([item[rows] for item in found], labels, groups[rows], dataset.info.classes)
    print_result(result)
    if out is not None:
        clips = dataset.samples["image_name"].to_numpy(object)[rows].tolist()
        probabilities = [item[rows].tolist() for item in found]
        write_json(out, {**result, "clips": clips, "probabilities": probabilities, "trainings": kept})


def choose_config(seed: int, epochs: int, groups: npt.NDArray[np.object_]) -> TrainConfig:
    """The preset, on one thread, with batches that also a small source fills."""
    config = dataclasses.replace(load_preset("voice"), seed=seed, threads=1)
    return dataclasses.replace(
        config, epochs=epochs or config.epochs, batch_size=min(config.batch_size, (len(groups) - 1) // 2)
    )


def train_without(dataset: Dataset, held_out: npt.NDArray[np.int64], config: TrainConfig) -> Probabilities:
    """Probabilities of the rows held out, M x K, by a network that learnt from all others."""
    splits = np.full(len(dataset.samples), "train", object)
    splits[held_out] = "valid"
    divided = dataclasses.replace(
        dataset,
        samples=dataset.samples.assign(split=splits),
        info=dataclasses.replace(
            dataset.info, split_counts={"train": len(splits) - len(held_out), "valid": len(held_out)}
        ),
    )
    task, setup = train(config, divided)
    logits = compute_logits(setup.model_to_keep, dataset.images, held_out, task.spec, device=setup.device)
    setup.release()
    return compute_probabilities(logits)


def train(config: TrainConfig, dataset: Dataset) -> tuple[Task, TrainingSetup]:
    """Train to the last epoch, without validation or files; release the setup afterwards."""
    task = prepare_task(config, dataset)
    setup = TrainingSetup(task)
    for epoch in range(1, config.epochs + 1):
        setup.begin_epoch(epoch)
        for step in range(setup.num_steps):
            setup.take_step(epoch, step, setup.compute_learning_rate(epoch, step))
    return task, setup


def describe(
    found: list[Probabilities],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.object_],
    classes: tuple[str, ...],
) -> dict[str, Any]:
    """UAR without and with the speaker's baseline, each with its interval, and the confusion matrices."""
    plain = [item.argmax(1) for item in found]
    adapted = [remove_baselines(item, groups).argmax(1) for item in found]
    result: dict[str, Any] = {"classes": classes, "num_clips": len(labels), "num_seeds": len(found)}
    for name, answers in (("plain", plain), ("baseline", adapted)):
        low, high = find_interval(answers, labels, groups)
        result[name] = {
            "uar": float(np.mean([compute_uar(labels, item) for item in answers])),
            "uar_of_seeds": [compute_uar(labels, item) for item in answers],
            "interval": [low, high],
            "confusion": sum(count_confusions(labels, item, len(classes)) for item in answers).tolist(),
        }
    return result


def remove_baselines(probabilities: Probabilities, groups: npt.NDArray[np.object_]) -> Probabilities:
    """The probabilities with each speaker's own baseline taken off, N x K."""
    changed = np.zeros_like(probabilities)
    for speaker in set(groups):
        own = groups == speaker
        changed[own] = take_off(probabilities[own], compute_baseline(probabilities[own]))
    return changed


def compute_uar(labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64]) -> float:
    """Mean recall of the classes that occur."""
    return float(np.mean([(answers[labels == label] == label).mean() for label in np.unique(labels)]))


def count_confusions(
    labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], num_classes: int
) -> npt.NDArray[np.int64]:
    """Clips by label (rows) and answer, K x K."""
    return np.bincount(labels * num_classes + answers, minlength=num_classes**2).reshape(num_classes, -1)


def find_interval(
    answers: list[npt.NDArray[np.int64]], labels: npt.NDArray[np.int64], groups: npt.NDArray[np.object_]
) -> tuple[float, float]:
    """95 % interval of the mean UAR over the seeds, by drawing speakers anew."""
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(groups == speaker) for speaker in sorted(set(groups))]
    means = []
    for _ in range(NUM_RESAMPLES):
        drawn = np.concatenate(
            [members[index] for index in generator.integers(0, len(members), len(members))]
        )
        means.append(np.mean([compute_uar(labels[drawn], item[drawn]) for item in answers]))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def print_result(result: dict[str, Any]) -> None:
    """Figures and confusion matrices."""
    print(f"{result['num_clips']} clips, {result['num_seeds']} seeds, leave one speaker out")
    for name, title in (("plain", "without a baseline"), ("baseline", "with the speaker's baseline")):
        figures = result[name]
        low, high = figures["interval"]
        seeds = ", ".join(f"{value:.1%}" for value in figures["uar_of_seeds"])
        print(f"\nUAR {title}: {figures['uar']:.1%} ({low:.1%} to {high:.1%}); by seed {seeds}")
        print("% of a row".ljust(12) + "".join(item[:10].rjust(11) for item in result["classes"]))
        for label, row in zip(result["classes"], np.array(figures["confusion"]), strict=True):
            print(
                label.ljust(12) + "".join(f"{100 * value / max(row.sum(), 1):.0f}".rjust(11) for value in row)
            )


if __name__ == "__main__":
    tyro.cli(main)
