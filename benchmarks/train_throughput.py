"""What the training loop costs beyond arithmetic, and what a per-image pipeline would cost.

    python benchmarks/train_throughput.py                       # the drawn set
    python benchmarks/train_throughput.py --dataset ferplus     # an imported one
    python benchmarks/train_throughput.py --model gcn --batch-size 64

Three ways take turns, so that a noisy machine disturbs all alike; the medians of their ratios count. On a
CPU the time that the process itself computed is taken: what other programs take away is left out.

- arithmetic: forward and backward pass on one batch that stays on the device, nothing else
- loop: everything a run does between two validations: gathering images, augmentation, loss on label
  distributions, gradient norms, clipping, optimiser, moving average, status
- per image: torchvision transforms on one PIL image after the other in a DataLoader, as small projects do it,
  with forward, backward and optimiser
"""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import tyro
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from fer_core.config import DataConfig, LogConfig, ModelConfig, TrainConfig, load_augment_policy
from fer_core.data.batches import load_batch, normalise, shuffle_for_epoch
from fer_core.data.builtin import open_dataset
from fer_core.runs.writer import RunWriter
from fer_core.training.task import Task, prepare_task
from fer_core.training.trainer import Trainer
from fer_core.workspace import Workspace


def main(
    dataset: str = "schematic-faces",
    model: str = "fer_resnet",
    batch_size: int = 128,
    steps: int = 6,
    rounds: int = 7,
    threads: int = 0,
    workers: int = 0,
) -> None:
    """Measure and print images per second and their ratios.

    Args:
        dataset: An imported data set, or the drawn one.
        model: Architecture.
        batch_size: Images per step.
        steps: Steps of each way in a round.
        rounds: How often the ways take turns; the first is not counted.
        threads: CPU threads; 0 takes all physical cores.
        workers: Processes of the per-image DataLoader.
    """
    workspace = Workspace.default()
    config = TrainConfig(
        data=DataConfig(dataset=dataset),
        model=ModelConfig(name=model),
        augment=load_augment_policy("ferplus"),
        log=LogConfig(tensorboard=False),
        batch_size=batch_size,
        threads=threads,
    )
    data = open_dataset(dataset, workspace)
    with tempfile.TemporaryDirectory() as scratch:
        run = Workspace(Path(scratch))
        task = prepare_task(config, data)
        writer = RunWriter.create(run, "bench", config_toml="", meta={})
        trainer = Trainer(task, writer)
        other = prepare_task(config, data)
        ways = {
            "arithmetic": make_arithmetic(trainer, steps),
            "loop": make_loop(trainer, steps),
            "per image": make_per_image(other, trainer, steps, workers),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, take in ways.items():
                clock = time.process_time if trainer.device.type == "cpu" else time.perf_counter
                started = clock()
                take()
                synchronise(trainer.device)
                seconds[name].append(clock() - started)
    images = steps * batch_size
    print(f"{model} on {trainer.device}, {task.precision}, batch {batch_size}, threads {threads or 'all'}")
    for name, values in seconds.items():
        print(f"{name:<11} {images / statistics.median(values[1:]):8.0f} images/s (median of {rounds - 1})")
    for name in ("loop", "per image"):
        ratios = [a / b for a, b in zip(seconds["arithmetic"][1:], seconds[name][1:], strict=True)]
        print(f"{name} / arithmetic: {statistics.median(ratios):.3f}")
    ratios = [a / b for a, b in zip(seconds["per image"][1:], seconds["loop"][1:], strict=True)]
    print(f"loop / per image: {statistics.median(ratios):.2f}")


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def make_arithmetic(trainer: Trainer, steps: int) -> Callable[[], None]:
    """Forward and backward on a resident batch, in the loop's precision and memory format."""
    task = trainer.task
    picked = task.train.indices[: task.config.batch_size]
    batch = normalise(load_batch(task.dataset.images, picked, task.spec, trainer.device), task.spec)
    labels = torch.from_numpy(task.train.labels[: task.config.batch_size]).to(trainer.device)
    model = trainer.setup.model

    def take() -> None:
        model.train()
        for _ in range(steps):
            with trainer.accelerator.autocast():
                logits = model(batch)
            torch.nn.functional.cross_entropy(logits.float(), labels).backward()
            model.zero_grad(set_to_none=True)

    return take


def make_loop(trainer: Trainer, steps: int) -> Callable[[], None]:
    """The steps of a run, as `Trainer` takes them."""

    def take() -> None:
        trainer.num_steps = steps
        trainer.progress = dataclasses.replace(trainer.progress, step=0, loss_sum=0.0, num_correct=0)
        trainer._train_one_epoch()

    return take


class PerImageDataset(TorchDataset[tuple[Tensor, int]]):
    """Images one at a time through PIL and torchvision."""

    def __init__(self, task: Task) -> None:
        from torchvision import transforms as T

        self.task, self.labels = task, task.train.labels
        self.order = shuffle_for_epoch(len(task.train), seed=0, epoch=1)
        change = T.Compose(
            [
                T.RandomHorizontalFlip(0.5),
                T.RandomAffine(10, translate=(0.1, 0.1)),
                T.RandomResizedCrop(40, scale=(0.9, 1.0), ratio=(1.0, 1.0)),
                T.Resize((task.spec.height, task.spec.width)),
                T.ColorJitter(0.05, 0.05),
            ]
        )
        self.transform = T.Compose(
            [T.RandomApply([change], 0.5), T.ToTensor(), T.Normalize(task.spec.mean, task.spec.std)]
        )

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        from PIL import Image

        row = self.order[number]
        image = Image.fromarray(self.task.dataset.images[self.task.train.indices[row]])
        return self.transform(image), int(self.labels[row])


def make_per_image(task: Task, trainer: Trainer, steps: int, workers: int) -> Callable[[], None]:
    """A DataLoader over `PerImageDataset`, forward, backward and optimiser."""
    model = task.model.to(trainer.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    loader = DataLoader(
        PerImageDataset(task),
        task.config.batch_size,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    source = batches()

    def take() -> None:
        model.train()
        for _ in range(steps):
            images, labels = next(source)
            images = images.to(trainer.device, memory_format=torch.channels_last)
            with trainer.accelerator.autocast():
                logits = model(images)
            torch.nn.functional.cross_entropy(logits.float(), labels.to(trainer.device)).backward()
            optimizer.step()
            optimizer.zero_grad()

    return take


if __name__ == "__main__":
    tyro.cli(main)
