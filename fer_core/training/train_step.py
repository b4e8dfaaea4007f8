"""One step of training: images, augmentation, loss, gradients, weights."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import Tensor, nn, optim

from fer_core.config import TrainConfig
from fer_core.data.augment import BatchAugmenter, Mix, mix_batch
from fer_core.data.augment_sound import SoundAugmenter
from fer_core.data.batches import normalise, resize_batch, shrink_size
from fer_core.errors import ConfigError
from fer_core.training.losses import (
    DistributionLoss,
    add_distillation,
    compute_class_weights,
    count_batches,
    draw_targets,
    mix_answers,
)
from fer_core.training.optim import locate_in_cycle, sam_perturbation, set_learning_rate
from fer_core.training.task import SMALL_SCALES, Task

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step; tensors stay on the device, so that reading them need not wait for it."""

    loss: Tensor
    """Mean loss over the batch, of all processes; a scalar."""
    num_correct: Tensor
    """Images of all processes whose most probable class is the target's; a scalar."""


class TrainStep:
    """One step of a task, made again and again with other images."""

    def __init__(self, task: Task, accelerator: Accelerator, optimizer: optim.Optimizer) -> None:
        """Set up augmentation and loss on the accelerator's device."""
        config = task.config
        self.task, self.config = task, config
        self.accelerator, self.optimizer = accelerator, optimizer
        self.device: torch.device = accelerator.device
        sound = task.spec.sound
        self.augmenter = (
            BatchAugmenter(config.augment) if sound is None else SoundAugmenter(config.sound, sound)
        )
        self.augmenter.to(self.device)
        self.distributions = torch.from_numpy(task.distributions)
        weights = compute_class_weights(self.distributions, config.loss.class_weights)
        self.loss = DistributionLoss(config.loss, config.data.label_mode, weights).to(self.device)
        self.teachers = task.teachers.to(self.device) if task.teachers is not None else None
        self.num_parts = config.optimizer.accumulation_steps
        self.on_gradients: list[Callable[[], None]] = []
        """Called when the gradients of a step are complete and not yet clipped."""

    @property
    def num_questions(self) -> int:
        """Batches of training images about which the teachers are still to be asked before the first step."""
        is_asked_once = self.teachers is not None and self.config.distill.views == "original"
        return count_batches(len(self.distributions)) if is_asked_once else 0

    def ask_teachers(
        self, *, num_batches: int | None = None, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Give the labels the share of the teachers' answers to the pictures as they are.

        It comes before the first step. Where teachers answer in every step, or have answered, it does
        nothing.

        Args:
            num_batches: ask about no more of the `num_questions` batches, to see how long they take.
            on_progress: told (batches done, batches in all) after each.
        """
        if not self.num_questions or self.teachers is None:
            return
        _LOG.info("%s: asked about %s training images", self.config.distill.teachers, len(self.distributions))
        with self.accelerator.autocast():
            self.distributions = mix_answers(
                self.distributions,
                self.teachers,
                lambda rows: self.task.load_images(rows, self.device),
                self.config.distill,
                # Sound isn't augmented as pictures are: its mirror image runs backwards.
                mirrored=self.task.spec.sound is None and self.config.augment.flip_probability > 0,
                num_batches=num_batches,
                on_progress=on_progress,
            )
        self.teachers = None

    def run(
        self, model: nn.Module, epoch: int, step: int, picked: npt.NDArray[np.int64], learning_rate: float
    ) -> StepResult:
        """Learn from the training images numbered `picked`, all processes together.

        Raises:
            ConfigError: the device's memory is too small, and splitting the batch was not asked for or does
                not help any more.
        """
        while True:
            seed_step(self.config.seed, epoch, step, *self._rank())
            try:
                result = self._compute_gradients(model, epoch, picked)
                break
            except (RuntimeError, MemoryError) as error:
                if not should_reduce_batch_size(error):
                    raise
                reason = str(error).splitlines()[0]
            # Outside the handler: the error's traceback keeps the tensors of the failed step alive.
            self._recover_memory(reason)
        self.accelerator.unscale_gradients()
        for hook in self.on_gradients:
            hook()
        set_learning_rate(self.optimizer, learning_rate)
        if self.config.optimizer.gradient_clip:
            self.accelerator.clip_grad_norm_(model.parameters(), self.config.optimizer.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return result

    def _rank(self) -> tuple[int, ...]:
        """Processes draw differently; a single one draws as if there were no processes at all."""
        return (self.accelerator.process_index,) if self.accelerator.num_processes > 1 else ()

    def _compute_gradients(self, model: nn.Module, epoch: int, picked: npt.NDArray[np.int64]) -> StepResult:
        own = picked[self.accelerator.process_index :: self.accelerator.num_processes]
        images = self.task.load_images(own, self.device)
        targets = draw_targets(self.distributions[own].to(self.device), self.config.data.label_mode)
        images = self.augmenter(images)
        mix = mix_batch(images, self.config.augment) if is_epoch_mixed(epoch, self.config) else Mix(images)
        size = shrink_size((self.task.spec.height, self.task.spec.width), choose_scale(epoch, self.config))
        result = self._backward(model, mix, targets, size)
        if self.config.optimizer.sam_rho:
            parameters = [item for item in model.parameters() if item.requires_grad]
            with sam_perturbation(parameters, self.config.optimizer.sam_rho):
                self._backward(model, mix, targets, size)
        return result

    def _backward(self, model: nn.Module, mix: Mix, targets: Tensor, size: tuple[int, int]) -> StepResult:
        """Add the gradients of a batch, shown to the network in this size, part by part."""
        total = len(targets)
        loss_sum = torch.zeros((), device=self.device)
        num_correct = torch.zeros((), device=self.device)
        # Not `chunk`, whose last part may be a single image: too few for batch normalisation.
        rows = torch.arange(total, device=self.device).tensor_split(self.num_parts)
        for number, part in enumerate(rows, 1):
            is_last = number == len(rows)
            # Gradients travel between processes once per batch, with the last part.
            with nullcontext() if is_last else self.accelerator.no_sync(model):
                logits = model(normalise(resize_batch(mix.images[part], size), self.task.spec))
                loss = self.loss(logits, targets[part])
                if mix.partner is not None:
                    other = self.loss(logits, targets[mix.partner[part]])
                    loss = mix.weight * loss + (1 - mix.weight) * other
                if self.teachers is not None:
                    with self.accelerator.autocast():
                        answers = self.teachers(mix.images[part])
                    loss = add_distillation(loss, logits, answers, self.config.distill)
                loss = loss * (len(part) / total)
                self.accelerator.backward(loss)
            loss_sum += loss.detach()
            num_correct += (logits.argmax(1) == targets[part].argmax(1)).sum()
        if self.accelerator.num_processes > 1:
            loss_sum = self.accelerator.reduce(loss_sum, "mean")
            num_correct = self.accelerator.reduce(num_correct, "sum")
        return StepResult(loss_sum, num_correct)

    def _recover_memory(self, reason: str) -> None:
        """Free what the failed step holds and split batches further, or say what would fit."""
        self.optimizer.zero_grad()
        clear_device_cache(garbage_collection=True)
        share = self.config.batch_size // self.accelerator.num_processes
        can_halve = self.accelerator.num_processes == 1 and share // (2 * self.num_parts) >= 2
        if not (self.config.halve_on_out_of_memory and can_halve):
            raise ConfigError(
                f"the memory of {self.device} is too small for {share // self.num_parts} images at a time "
                f"({reason}). Try batch_size {max(2, self.config.batch_size // 2)}, or keep the batch and "
                f"set optimizer.accumulation_steps to {2 * self.num_parts}, or set halve_on_out_of_memory"
            )
        self.num_parts *= 2
        _LOG.warning("out of memory: batches are now split into %d parts (%s)", self.num_parts, reason)


def is_epoch_mixed(epoch: int, config: TrainConfig) -> bool:
    """Whether batches may be mixed in an epoch, counted from 1: not in the last ones of a cycle."""
    where = locate_in_cycle(epoch - 1, config.epochs, config.optimizer.cycles)
    return where.place < config.augment.mixup_until * where.length


def choose_scale(epoch: int, config: TrainConfig) -> float:
    """Side of the images shown to the network in an epoch, counted from 1, over the side of its input."""
    where = locate_in_cycle(epoch - 1, config.epochs, config.optimizer.cycles)
    # The last epoch of a cycle shows whole images: on these the network is judged.
    num_small = min(config.augment.small_until * where.length, where.length - 1)
    return 1.0 if where.place >= num_small else SMALL_SCALES[where.place >= num_small / 2]


def seed_step(*parts: int) -> None:
    """Seed torch from numbers alone, so that a step draws the same whether or not the run was interrupted."""
    torch.manual_seed(int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0] >> 1))
