"""`fer lr-find`: which learning rate a configuration stands."""

from dataclasses import dataclass, field
from typing import Annotated

from tyro.conf import arg

from fer_core.cli.base_config import BaseOptions, parse_options
from fer_core.cli.terminal import say, show_progress
from fer_core.config import TrainConfig
from fer_core.progress import keep_result
from fer_core.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class LrFindCommand(BaseOptions):
    """Raise the learning rate step by step and see where the loss falls fastest (Smith, 2017)."""

    steps: int = 100
    """Most steps to take."""
    lowest: float = 1e-5
    """Learning rate of the first step."""
    highest: float = 3.0
    """Learning rate that the last step would have."""
    json: bool = False
    """Print rates, losses and the suggestion as JSON."""
    config: Annotated[TrainConfig, arg(name="")] = field(default_factory=TrainConfig)
    """The training configuration."""


def parse(arguments: list[str]) -> int:
    """Read the command line and run the test."""
    return find(parse_options(LrFindCommand, arguments, prog="fer lr-find"))


def find(command: LrFindCommand) -> int:
    """Run the range test in this process and print what it saw."""
    from fer_core.io import to_json_line
    from fer_core.training.lr_finder import run_rate_test
    from fer_core.training.task import load_task

    workspace = Workspace.default()
    with show_progress("loading torch and the data set") as show:
        task = load_task(command.config, workspace)
        test = run_rate_test(
            task,
            num_steps=command.steps,
            lowest=command.lowest,
            highest=command.highest,
            on_progress=lambda done, total: show(done, total, f"step {done} of at most {total}"),
        )
    values = {
        "rates": test.rates.tolist(),
        "losses": test.losses.tolist(),
        "suggestion": test.suggestion,
    }
    keep_result(values)
    if command.json:
        say(to_json_line(values))
        return 0
    low, high = float(test.losses.min()), float(test.losses.max())
    for rate, loss in zip(test.rates, test.losses, strict=True):
        bar_length = round(50 * (loss - low) / (high - low or 1.0))
        mark = "  <- falls fastest" if rate == test.suggestion else ""
        say(f"{rate:9.2e}  {loss:7.4f}  {'▇' * bar_length}{mark}")
    say(f"suggested: --optimizer.learning-rate {test.suggestion:.2g}")
    return 0
