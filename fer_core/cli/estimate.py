"""`fer estimate`: how long a training will take and how much memory it needs."""

from dataclasses import asdict, dataclass, field
from typing import Annotated

from tyro.conf import arg

from fer_core.cli.base_config import BaseOptions, parse_options
from fer_core.cli.terminal import say, show_progress
from fer_core.config import TrainConfig
from fer_core.progress import keep_result
from fer_core.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class EstimateCommand(BaseOptions):
    """Measure a few real training steps on this machine. Nothing is trained, no run is made."""

    steps: int = 10
    """Steps to time, after three to warm up."""
    json: bool = False
    """Print JSON."""
    config: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    """The training configuration."""


def parse(arguments: list[str]) -> int:
    """Read the command line and estimate."""
    return estimate(parse_options(EstimateCommand, arguments, prog="fer estimate"))


def estimate(command: EstimateCommand) -> int:
    """Measure in this process and print what was seen."""
    from fer_core.io import to_json_line
    from fer_core.training.estimate import estimate_training

    workspace = Workspace.default()
    with show_progress("loading torch and the data set") as show:
        result = estimate_training(
            command.config,
            workspace,
            num_measured=command.steps,
            on_progress=lambda done, total: show(done, total, f"step {done} of {total}"),
        )
    keep_result(asdict(result))
    if command.json:
        say(to_json_line({"schema_version": 1, **asdict(result)}))
        return 0
    seconds = result.total_seconds
    say(f"device          {result.device}, {result.precision}")
    say(f"parameters      {result.num_parameters:,}")
    say(f"step            {1000 * result.seconds_per_step:.0f} ms, {result.images_per_s:,.0f} images/s")
    say(f"epoch           {result.seconds_per_epoch:.1f} s with validation, {result.num_steps:,} steps")
    if result.seconds_before:
        say(f"teachers        {result.seconds_before:.1f} s to answer, once before the first step")
    say(
        f"whole training  {seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min {seconds % 60:.0f} s, "
        f"{command.config.epochs} epochs"
    )
    say(f"peak memory     {result.peak_memory_mb:,.0f} MB")
    return 0
