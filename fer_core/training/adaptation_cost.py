"""What adapting a model gained and cost: measured on held-out own faces and on what it knew before."""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fer_core.checkpoint import CARD_FILE, CheckpointInfo, load_checkpoint_info, save_checkpoint_info
from fer_core.data.store import Dataset
from fer_core.evaluation.bootstrap import NUM_RESAMPLES, PreparedMetrics, compute_paired_samples
from fer_core.evaluation.calibration import compute_ece, expect_generally, fit_temperature, recover_logits
from fer_core.evaluation.evaluator import Evaluation, evaluate_checkpoint
from fer_core.evaluation.figures import Figure, summarise_samples
from fer_core.evaluation.general_calibration import collect_scores, fit_general
from fer_core.evaluation.groups import measure_accuracy
from fer_core.evaluation.paired import PairedResult, compare_with_baseline, compute_needed_pairs
from fer_core.evaluation.predictions import Predictions
from fer_core.evaluation.publish import build_model_card
from fer_core.io import write_text
from fer_core.runs.adaptation import Adaptation, Change, GroupChange, Measured, Verdict, save_adaptation
from fer_core.runs.run_files import BEST_FOLDER
from fer_core.training.checks import HELD_OUT
from fer_core.training.taking_over import take_over
from fer_core.training.task import Task
from fer_core.words import count

FEWEST_TO_CALIBRATE: Final[int] = 30
CHOSEN_ON: Final = 0
JUDGED_ON: Final = 1
"""Halves of the validation split of what was known before: settings are chosen on one, the other is told."""
_FEWEST_FACES: Final[int] = 30
_FEWEST_GROUPS: Final[int] = 5
"""Held-out faces, and people or clips: the interval of a cluster bootstrap over fewer is too narrow."""
_WIDE: Final[float] = 0.05
"""Half an interval wider than this, as a fraction, leaves open what anybody would want to know."""
_SOUGHT: Final[float] = 0.05
"""The difference to look for where the measured one is smaller than a point."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two models' answers on the same images."""

    before: Predictions
    after: Predictions
    clusters: npt.NDArray[np.int64]
    result: PairedResult
    design_effect: float
    """How much more an interval over people varies than one over single images, at least 1."""


def measure_adaptation(task: Task, folder: Path) -> Adaptation:
    """Calibrate an adapted model, compare it with the one before, and write both down.

    Written are the weights, as far as they are kept, calibration and figures in `best`, its card, and
    `adaptation.json`.

    Args:
        task: what was learned from what; it has a parent.
        folder: of the run.

    Raises:
        DataError: the data set has nothing held out.
    """
    assert task.parent is not None, "only an adapted model has a model before"
    best, split = folder / BEST_FOLDER, task.config.data.valid_split
    replay = None if task.replay is None else task.replay[0]
    known = None if replay is None else evaluate_checkpoint(task.parent.folder, replay, split, half=CHOSEN_ON)
    share = take_over(task.parent, best, None if replay is None or known is None else (replay, known))
    info, calibrated_on = _calibrate(task, best)
    save_checkpoint_info(best, info)
    own_before, own_after = (
        evaluate_checkpoint(place, task.dataset, HELD_OUT) for place in (task.parent.folder, best)
    )
    own = _pair(own_before, own_after, _number_groups(task.dataset, own_after.data.rows), as_used=True)
    old_change = None
    metrics = [_summarise(own_after)]
    if replay is not None:
        before, after = (
            evaluate_checkpoint(place, replay, split, half=JUDGED_ON) for place in (task.parent.folder, best)
        )
        old = _pair(before, after, _number_groups(replay, after.data.rows), as_used=False)
        old_change = _describe(after, old)
        metrics.append(_summarise(after))
    info = dataclasses.replace(info, metrics=tuple(metrics))
    save_checkpoint_info(best, info)
    verdict, needed, sought = _judge(own)
    record = Adaptation(
        model=task.parent.key,
        weights_sha256=task.parent.info.weights_sha256,
        dataset=task.dataset.name,
        num_train=len(task.train),
        num_valid=len(task.valid),
        replay="" if replay is None else replay.name,
        own=_describe(own_after, own),
        old=old_change,
        groups=tuple(_list_groups(task.dataset, own)),
        verdict=verdict,
        needed=needed,
        sought=sought,
        calibrated_on=calibrated_on,
        share=share,
    )
    write_text(best / CARD_FILE, build_model_card(info, task.dataset.info, own_after, record.describe()))
    save_adaptation(folder, record)
    _LOG.info("adapted: %s", " ".join(record.describe()))
    return record


def _calibrate(task: Task, best: Path) -> tuple[CheckpointInfo, str]:
    """The temperature for the kind of data that it learned from, and what to expect of any face.

    Both are chosen on validation images, which no weight learned from; the held-out ones stay untouched.
    What to expect of any face says little of own faces if it is chosen on others alone: with few own ones the
    parent's stays.
    """
    assert task.parent is not None
    before, split = task.parent.info, task.config.data.valid_split
    info = dataclasses.replace(load_checkpoint_info(best), temperature=1.0, general=None)
    save_checkpoint_info(best, info)
    found = [evaluate_checkpoint(best, task.dataset, split)]
    if task.replay is not None:
        found.append(evaluate_checkpoint(best, task.replay[0], split, half=CHOSEN_ON))
    enough = [item for item in found if len(item.data) >= FEWEST_TO_CALIBRATE]
    words = " and ".join(f"{count(len(item.data), 'validation face')} of {item.dataset}" for item in enough)
    temperature, general = before.temperature, before.general
    if enough:
        main = enough[-1].data
        temperature = fit_temperature(recover_logits(main.probabilities), main.labels)
    if found[0] in enough:
        general = fit_general([collect_scores(item) for item in enough]) if info.class_prior else None
        told = f"Calibrated on {words}."
    else:
        told = (
            f"Too few validation faces of yours to calibrate on ({len(found[0].data)}): that of "
            f"{task.parent.key} was kept" + (f", but for the temperature on {words}." if enough else ".")
        )
    return dataclasses.replace(info, temperature=temperature, general=general), told


def _read_as_used(evaluation: Evaluation) -> Predictions:
    """What `fer predict` and the pages would say: with what the model expects of faces of unknown source."""
    info, data = evaluation.info, evaluation.data
    if info.general is None or info.class_prior is None:
        return data
    scores = collect_scores(evaluation)
    return dataclasses.replace(
        data, probabilities=expect_generally(scores.logits, scores.learned, info.general)
    )


def _number_groups(dataset: Dataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number of the person or clip of each row; a row that does not say stands alone."""
    names = _name_groups(dataset, rows, ("group",))
    alone = [name or f"\0{row}" for name, row in zip(names, rows, strict=True)]
    numbers: npt.NDArray[np.int64] = np.unique(alone, return_inverse=True)[1].astype(np.int64)
    return numbers


def _name_groups(dataset: Dataset, rows: npt.NDArray[np.int64], columns: Sequence[str]) -> list[str]:
    for column in columns:
        if column in dataset.samples:
            return [*dataset.samples[column].iloc[rows].astype("string").fillna("").str.strip()]
    return [""] * len(rows)


def _pair(before: Evaluation, after: Evaluation, clusters: npt.NDArray[np.int64], *, as_used: bool) -> _Pair:
    answers = {
        name: _read_as_used(item) if as_used else item.data
        for name, item in (("before", before), ("after", after))
    }
    (result,) = compare_with_baseline(answers, "before", clusters=clusters)
    plain = [PreparedMetrics(item, ["accuracy"]) for item in answers.values()]
    spreads = []
    for groups in (clusters, None):
        first, second = compute_paired_samples(plain, NUM_RESAMPLES, clusters=groups)
        spreads.append(float(np.var(second["accuracy"] - first["accuracy"])))
    effect = max(1.0, spreads[0] / spreads[1]) if spreads[1] else 1.0
    return _Pair(answers["before"], answers["after"], clusters, result, effect)


def _measure(predictions: Predictions, clusters: npt.NDArray[np.int64]) -> Measured:
    (samples,) = compute_paired_samples([PreparedMetrics(predictions, ["accuracy"])], clusters=clusters)
    value = float(predictions.is_right.mean())
    return _to_measured(summarise_samples(value, samples["accuracy"], n=len(predictions), reason=""))


def _to_measured(figure: Figure) -> Measured:
    return Measured(value=figure.value, low=figure.low, high=figure.high)


def _describe(after: Evaluation, pair: _Pair) -> Change:
    test = pair.result.mcnemar
    return Change(
        dataset=after.dataset,
        split=after.split,
        protocol=after.protocol,
        n=len(pair.after),
        num_groups=int(pair.clusters.max()) + 1,
        before=_measure(pair.before, pair.clusters),
        after=_measure(pair.after, pair.clusters),
        difference=_to_measured(pair.result.differences["accuracy"]),
        ece_before=compute_ece(pair.before.probabilities, pair.before.labels),
        ece_after=compute_ece(pair.after.probabilities, pair.after.labels),
        only_before=test.only_first,
        only_after=test.only_second,
        p_value=test.p_value,
    )


def _judge(pair: _Pair) -> tuple[Verdict, int, float]:
    """The verdict, and how many held-out images would show a difference of which size."""
    gap = pair.result.differences["accuracy"]
    n, num_groups = len(pair.after), int(pair.clusters.max()) + 1
    is_small = n < _FEWEST_FACES or num_groups < _FEWEST_GROUPS
    if pair.result.is_real and not is_small:
        return ("better" if gap.value > 0 else "worse"), 0, abs(gap.value)
    test = pair.result.mcnemar
    # Half a changed image more than seen: with none changed so far, none would ever be needed.
    discordant = (test.only_first + test.only_second + 0.5) / (n + 0.5)
    sought = max(abs(gap.value), _SOUGHT if abs(gap.value) < _SOUGHT / 5 else 0.0)
    needed = int(np.ceil(compute_needed_pairs(discordant, sought) * pair.design_effect))
    is_wide = not gap.high - gap.low <= 2 * _WIDE
    return ("too_few" if is_small or is_wide else "unclear"), max(needed, _FEWEST_FACES), sought


def _list_groups(dataset: Dataset, pair: _Pair) -> Sequence[GroupChange]:
    names = np.array(_name_groups(dataset, pair.after.rows, ("person", "group")), dtype=object)
    found = []
    for name in sorted(set(names) - {""}):
        rows = names == name
        before, after = (
            _to_measured(measure_accuracy(item.take(rows))) for item in (pair.before, pair.after)
        )
        found.append(GroupChange(name=name, n=int(rows.sum()), before=before, after=after))
    return found


def _summarise(evaluation: Evaluation) -> dict[str, object]:
    scores = evaluation.scores
    return {
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "protocol": evaluation.protocol,
        "n": scores.n,
        "accuracy": scores.accuracy,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "log_loss": scores.log_loss,
        "ece": compute_ece(evaluation.data.probabilities, evaluation.data.labels),
    }
