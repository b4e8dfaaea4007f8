"""`fer adapt`: teach a model your own faces, and see what that gained and cost."""

from typing import Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say
from fer_core.words import count
from fer_core.workspace import Workspace


def main(  # noqa: PLR0913 - the options of the command
    model: Annotated[Positional[str], arg(metavar="MODEL")],
    *,
    dataset: str,
    layers: Literal["all", "head"] = "all",
    group: str = "",
    replay: str = "",
    epochs: int = 0,
    seed: int = 0,
    name: str | None = None,
    device: str = "",
    detach: bool = False,
) -> int:
    """Adapt a model to own labelled faces: an ordinary run, which `fer train --resume` continues.

    Faces of one person or clip are learned or held out, never both. At the end it tells the accuracy on
    held-out faces before and after, and what was forgotten; `adaptation.json` of the run has all figures.

    Args:
        model: A shipped checkpoint's name, a run's name, or a checkpoint folder.
        dataset: Own faces: an imported data set, or one made from labels.
        layers: What learns: all layers, or the head alone, which forgets less and gains less.
        group: Column that says who or which clip is on a face; a usual one if not given, `none` if nobody is
            in the data set twice.
        replay: Data set to learn again beside; what the model was trained on if not given, `none` for none.
        epochs: Passes over the own faces; by their number if not given.
        seed: Of order, augmentation and division.
        name: Name of the run.
        device: Where to train: `cuda:0`, `cuda`, `mps` or `cpu`; the fastest kind there is if not given.
        detach: Only put the run into the queue and return.
    """
    from fer_core.cli.train import TrainCommand, start
    from fer_core.training.adapting import AdaptOptions, plan_adaptation

    options = AdaptOptions(
        model=model, dataset=dataset, layers=layers, group=group, replay=replay, epochs=epochs, seed=seed
    )
    plan = plan_adaptation(options, Workspace.default())
    counts = plan.counts
    say(
        f"{plan.config.data.dataset}: {count(counts['train'], 'face')} to learn from, {counts['valid']:,} to "
        f"validate on, {counts['test']:,} held out; {plan.num_groups:,} by {plan.column or 'image'}"
    )
    for note in plan.notes:
        say(f"note: {note}")
    start(TrainCommand(config=plan.config, name=name or plan.name, device=device, detach=detach))
    return 0
