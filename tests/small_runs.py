"""Run folders that a test makes for itself, without training anything."""

from collections.abc import Mapping
from typing import Any

from fer_core.config import TrainConfig, dump_config, load_preset
from fer_core.runs.records import EpochRecord, GradientRecord, LayerNorms, SampleRecord, ValidationRecord
from fer_core.runs.writer import RunWriter
from fer_core.workspace import Workspace

CLASSES = ["neutral", "happiness", "surprise"]


def save_small_run(
    workspace: Workspace,
    name: str,
    *,
    state: Any = "finished",
    num_epochs: int = 3,
    config: TrainConfig | None = None,
    facts: Mapping[str, Any] | None = None,
    with_gradients: bool = True,
) -> RunWriter:
    """Write a run of `num_epochs` finished epochs; this process is the one that works on it."""
    config = config or load_preset("quick")
    writer = RunWriter.create(workspace, name, config_toml=dump_config(config), meta={"seed": config.seed})
    for epoch in range(1, num_epochs + 1):
        append_epoch(writer, epoch, with_gradients=with_gradients)
    usual = {"epoch": num_epochs, "num_epochs": config.epochs, "step": 0, "num_steps": 87, "eta_s": 65.0}
    writer.set_state(state, **{**usual, **dict(facts or {})})
    return writer


def append_epoch(writer: RunWriter, epoch: int, *, with_gradients: bool = True) -> None:
    """Write what a training writes at the end of an epoch: each is better than the one before."""
    norms = {name: LayerNorms(0.1 / epoch, 3.0) for name in ("classifier", "layers.0")}
    if with_gradients:
        writer.append_gradients(GradientRecord(epoch, norms))
    writer.write_validation(
        ValidationRecord(
            epoch,
            classes=tuple(CLASSES),
            confusion=((8, 1, 1), (0, 9, 1), (2, 0, 8 + epoch)),
            samples=(SampleRecord(0, "neutral", (0.7, 0.2, 0.1)),),
        )
    )
    writer.append_metrics(
        EpochRecord(
            epoch,
            train_loss=2.0 / epoch,
            train_accuracy=0.5 + 0.05 * epoch,
            valid_loss=1.8 / epoch,
            valid_accuracy=0.6 + 0.05 * epoch,
            valid_balanced_accuracy=0.55 + 0.05 * epoch,
            valid_macro_f1=0.5 + 0.05 * epoch,
            valid_n=600,
            protocol="FER+ majority",
            learning_rate=0.01 / epoch,
            images_per_s=700.0,
            seconds=4.0,
            device_memory_mb=None,
            is_best=True,
        )
    )
