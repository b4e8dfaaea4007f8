"""What adapting to own faces gains and costs, and whether active choice beats chance: on stand-ins.

    python -m benchmarks.adapt --out adapt.json                          # the curves
    python -m benchmarks.adapt --seeds 0 --whole 50 100 200 500 --out whole.json   # an hour of one core
    python -m benchmarks.adapt --plot-file adapt.json --image docs/images/adapt-curves.png

Nobody's faces are at hand, so two sets stand in for them, neither seen by the model:

- `drawn`: 120 drawn people, 12 faces each, in side light from a low camera; 40 people are held out
- `shifted`: half of FER+'s validation faces in dim light, cropped too wide and too low, with FER2013's
  labels, another labelling habit than FER+'s votes; every second face is held out

What was known before is measured on the other half of FER+'s validation faces: how much of a change is kept
(`fer_core.training.taking_over`) is chosen on every second of them, what it cost is told of the others. The
press photos (`--photos`) are measured only, by their two sources: those of 350 x 350 pixels, and all others.

Curves adapt the head on cached features, five seeds for each method and number of labels. `--whole` adapts
whole models with `fer adapt`'s own settings, one seed each; `--ways` names how.
"""

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import tyro

from benchmarks.adapt_curves import plot, print_summary
from benchmarks.adapt_faces import StandIn, draw_people, read_photos, shift_faces
from benchmarks.adapt_head import Features, Floats, Head
from fer_core.checkpoint import find_checkpoint
from fer_core.data.builtin import open_dataset
from fer_core.data.choosing import CHOICE_METHODS, choose_faces
from fer_core.data.derive import Derivation, derive_dataset
from fer_core.data.duplicates import mark_training_copies
from fer_core.data.store import write_dataset
from fer_core.data.targets import compute_targets, match_classes
from fer_core.evaluation.calibration import softmax
from fer_core.evaluation.scoring import compute_embeddings
from fer_core.models import FerModel, load_checkpoint
from fer_core.runs.adaptation import load_adaptation
from fer_core.training.adapting import AdaptOptions, Layers, plan_adaptation
from fer_core.training.trainer import create_trainer
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

NUM_PEOPLE = 120
NUM_REPLAYED = 2000
POOL_SHARE = 0.8
"""Each seed chooses from its own part of the pool, the same for all methods."""
CPU = torch.device("cpu")


class Bench:
    """One model, its features of everything, and what is measured with them."""

    def __init__(self, model: str, known: str, second: str, workspace: Workspace) -> None:
        """Find the model and the faces."""
        self.workspace = workspace
        self.entry = find_checkpoint(model, workspace)
        self.network, self.info = load_checkpoint(self.entry.folder)
        self.second = load_checkpoint(find_checkpoint(second, workspace).folder)
        self.known = open_dataset(known, workspace)
        rows = compute_targets(self.known, "valid", "majority").indices
        rows = rows[~mark_training_copies(self.known, rows, within="train")]
        self.shift_rows, self.known_rows = rows[::2], rows[1::2]

    @cached_property
    def old(self) -> Features:
        """What is replayed."""
        train = self._match("train", "crossentropy")
        spread = np.linspace(0, len(train) - 1, min(NUM_REPLAYED, len(train))).astype(np.int64)
        return self._read(self.known.images, train.indices[spread], train.distributions[spread])

    @cached_property
    def known_halves(self) -> list[Features]:
        """What was known before: to choose on, and to judge on."""
        valid = self._match("valid", "majority")
        rows = np.flatnonzero(np.isin(valid.indices, self.known_rows))
        parts = [rows[half::2] for half in (0, 1)]
        images = self.known.images
        return [self._read(images, valid.indices[part], valid.distributions[part]) for part in parts]

    def _match(self, split: str, mode: Any) -> Any:
        return match_classes(
            compute_targets(self.known, split, mode), self.known.info.classes, self.info.classes
        )

    def _read(self, images: UInt8Array, rows: npt.NDArray[np.int64], targets: npt.ArrayLike) -> Features:
        points, _ = compute_embeddings(self.network, images, rows, self.info.input, device=CPU)
        return Features(torch.from_numpy(points), torch.as_tensor(np.asarray(targets), dtype=torch.float32))

    def read(self, faces: StandIn) -> tuple[Features, Floats]:
        """Features of a stand-in, and the second model's opinion of it."""
        places = [self.info.classes.index(label) for label in faces.labels]
        targets = np.eye(len(self.info.classes), dtype=np.float32)[places]
        features = self._read(faces.images, np.arange(len(places)), targets)
        model, info = self.second
        _, logits = compute_embeddings(model, faces.images, np.arange(len(places)), info.input, device=CPU)
        opinion = np.full((len(places), len(self.info.classes)), 1e-6)
        for column, name in enumerate(info.classes):
            if name in self.info.classes:
                opinion[:, self.info.classes.index(name)] = softmax(logits)[:, column]
        return features, opinion / opinion.sum(axis=1, keepdims=True)

    def measure_curves(
        self, faces: StandIn, photos: Sequence[StandIn], sizes: Sequence[int], seeds: int
    ) -> list[dict[str, Any]]:
        """A line for every method, seed and number of labels, and one before."""
        features, opinion = self.read(faces)
        others = {item.name: self.read(item)[0] for item in photos}
        pool, held_out = np.flatnonzero(~faces.is_held_out), features.take(np.flatnonzero(faces.is_held_out))
        names = np.array(faces.groups, dtype=object)
        lines = [self._line(faces.name, "before", 0, 0, Head(self.network), held_out, others)]
        for seed in range(seeds):
            people = np.unique(names[pool])
            rng = np.random.default_rng(seed)
            some = rng.choice(people, int(np.ceil(POOL_SHARE * len(people))), replace=False)
            own_pool = pool[np.isin(names[pool], some)]
            for method in CHOICE_METHODS:
                head, chosen = Head(self.network), np.empty(0, np.int64)
                for size in sizes:
                    rest = np.setdiff1d(own_pool, chosen)
                    now = head.answer(features.take(rest))
                    picked = choose_faces(
                        np.stack([now, opinion[rest]]) if method == "disagreement" else now,
                        features.points[rest].numpy(),
                        features.points[chosen].numpy(),
                        size - len(chosen),
                        method,
                        seed,
                    )
                    chosen = np.concatenate([chosen, rest[picked]])
                    head.fit(features.take(chosen), self.old, self.known_halves[0])
                    lines.append(self._line(faces.name, method, seed, size, head, held_out, others))
            print(f"{faces.name}: seed {seed + 1} of {seeds}", flush=True)
        return lines

    def _line(
        self,
        name: str,
        method: str,
        seed: int,
        size: int,
        head: Head,
        held_out: Features,
        others: dict[str, Features],
    ) -> dict[str, Any]:
        return {
            "faces": name,
            "method": method,
            "seed": seed,
            "labels": size,
            "own": head.score(held_out),
            "known": head.score(self.known_halves[1]),
            **{other: head.score(features) for other, features in others.items()},
        }

    def adapt_whole(
        self, faces: StandIn, size: int, *, layers: Layers = "all", replay: bool = True, epochs: int = 0
    ) -> dict[str, Any]:
        """`fer adapt` with its own settings; whole people are labelled until there are enough."""
        name = f"{faces.name}-{size}"
        if not self.workspace.dataset(name).exists():
            self._write_own(faces, name, size)
        options = AdaptOptions(
            model=self.entry.key,
            dataset=name,
            layers=layers,
            replay=self._write_rest() if replay else "none",
            epochs=epochs,
        )
        plan = plan_adaptation(options, self.workspace)
        started = time.monotonic()
        trainer = create_trainer(plan.config, self.workspace, name=plan.name)
        trainer.run()
        found = load_adaptation(trainer.writer.folder)
        assert found is not None
        seconds = time.monotonic() - started
        line = {"faces": faces.name, "labels": size, "layers": layers, "replay": replay, "seconds": seconds}
        if not replay:  # what `fer adapt` can't measure then is measured here
            line["known"] = self._score_known(trainer.writer.folder / "best")
        return {**line, **asdict(found)}

    def _write_own(self, faces: StandIn, name: str, size: int) -> None:
        rng = np.random.default_rng(0)
        names = np.array(faces.groups, dtype=object)
        pool = np.flatnonzero(~faces.is_held_out)
        order = {person: rank for rank, person in enumerate(rng.permutation(np.unique(names[pool])))}
        labelled = np.array(sorted(pool.tolist(), key=lambda row: order[names[row]])[:size])
        valid = set(list(order)[: max(1, round(0.15 * len(set(names[labelled]))))])
        rows = np.concatenate([labelled, np.flatnonzero(faces.is_held_out)])
        splits = [
            "test" if faces.is_held_out[row] else "valid" if names[row] in valid else "train" for row in rows
        ]
        samples = pd.DataFrame({"split": splits, "label": [faces.labels[row] for row in rows]})
        samples = samples.assign(source=faces.name, image_name="", group=names[rows])
        write_dataset(
            self.workspace.dataset(name),
            images=faces.images[rows],
            samples=samples,
            classes=[item for item in self.info.classes if item in set(faces.labels)],
            importer="benchmark",
            source=faces.name,
        )

    def _write_rest(self) -> str:
        """What was known before, without the faces that stand in."""
        name = f"{self.known.name}-rest"
        if not self.workspace.dataset(name).exists():
            exclude = frozenset(self.shift_rows.tolist())
            derive_dataset(self.known, self.workspace.dataset(name), Derivation(exclude=exclude))
        return name

    def _score_known(self, folder: Path) -> float:
        network, info = load_checkpoint(folder)
        features = replace_network(self, network)._read(
            self.known.images, self.known_rows, np.zeros((len(self.known_rows), len(info.classes)))
        )
        head = Head(network)
        answers = head.answer(features).argmax(axis=1)[1::2]
        return float((answers == self.known_halves[1].targets.argmax(dim=1).numpy()).mean())


def replace_network(bench: Bench, network: FerModel) -> Bench:
    """The same bench around another network of the same family."""
    other = object.__new__(Bench)
    other.__dict__.update(bench.__dict__, network=network)
    return other


def main(  # noqa: PLR0913 - each is a choice of its own
    *,
    model: str = "fer-small",
    known: str = "ferplus",
    second: str = "fer-tiny",
    sizes: tuple[int, ...] = (50, 100, 200, 500),
    seeds: int = 5,
    stand_ins: tuple[str, ...] = ("drawn", "shifted"),
    people: int = NUM_PEOPLE,
    photos: Path | None = None,
    whole: tuple[int, ...] = (),
    ways: tuple[Literal["all", "head", "no replay"], ...] = ("all",),
    out: Path | None = None,
    plot_file: Path | None = None,
    image: Path = Path("adapt-curves.png"),
) -> None:
    """Measure, or draw what was measured.

    Args:
        model: What is adapted.
        known: The data set that it was trained on.
        second: Another model, which may disagree with it.
        sizes: Numbers of labels.
        seeds: For each method and size.
        stand_ins: Which of them.
        people: Drawn ones.
        photos: The press photos (a zip with labels.csv), measured only.
        whole: Numbers of labels to adapt whole models to.
        ways: How: all layers, the head alone, all layers without replay.
        out: File for all figures (JSON); added to after each step.
        plot_file: Draw the curves of this file instead.
        image: Where to.
    """
    if plot_file is not None:
        plot(json.loads(plot_file.read_text())["curves"], image)
        return
    torch.set_num_threads(1)
    workspace = Workspace.default()
    bench = Bench(model, known, second, workspace)
    sets = [draw_people(bench.info.classes, people), shift_faces(bench.known, bench.shift_rows)]
    sets = [faces for faces in sets if faces.name in stand_ins]
    press = read_photos(photos, bench.info, workspace) if photos else []
    found: dict[str, list[dict[str, Any]]] = {"curves": [], "whole": []}

    def keep() -> None:
        if out is not None:
            out.write_text(json.dumps(found))

    for faces in sets if seeds else ():
        found["curves"] += bench.measure_curves(faces, press, sizes, seeds)
        keep()
    if seeds:
        print_summary(found["curves"])
    for way, size, faces in itertools.product(ways, whole, sets):
        line = bench.adapt_whole(
            faces, size, layers="head" if way == "head" else "all", replay=way != "no replay"
        )
        found["whole"].append({"way": way, **line})
        keep()
        print(f"{faces.name} {size} {way}: {_tell(line)}", flush=True)


def _tell(line: dict[str, Any]) -> str:
    parts = []
    for name in ("own", "old"):
        if item := line[name]:
            gap = item["difference"]
            parts.append(
                f"{name} {100 * item['before']['value']:.1f} {100 * gap['value']:+.1f} "
                f"({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f}), "
                f"ECE {100 * item['ece_before']:.1f} to {100 * item['ece_after']:.1f}"
            )
    if "known" in line:
        parts.append(f"known {100 * line['known']:.1f}")
    return "; ".join([*parts, f"kept {line['share']:.2f}", line["verdict"], f"{line['seconds']:.0f} s"])


if __name__ == "__main__":
    tyro.cli(main)
