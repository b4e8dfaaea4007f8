"""What adapting to own faces gains and costs, and whether active choice beats chance: on stand-ins.

    python benchmarks/adapt.py --out adapt.json                          # the curves
    python benchmarks/adapt.py --seeds 0 --whole 50 100 200 500 --out whole.json   # an hour of one core
    python benchmarks/adapt.py --plot-file adapt.json --image docs/images/adapt-curves.png

Nobody's faces are at hand, so two sets stand in for them, neither seen by the model:

- `drawn`: 120 drawn people, 12 faces each, in side light from a low camera; 40 people are held out
- `shifted`: half of FER+'s validation faces in dim light, cropped too wide and too low, with FER2013's
  labels, another labelling habit than FER+'s votes; every second face is held out

What was known before is measured on the other half of FER+'s validation faces: how much of a change is kept
(`fer_core.training.taking_over`) is chosen on every second of them, what it cost is told of the others. The
press photos
(`--photos`) are measured only, by their two sources: those of 350 x 350 pixels, and all others.

Curves adapt the head on cached features, five seeds for each method and number of labels. `--whole` adapts
whole models with `fer adapt`'s own settings, one seed each; `--ways` names how.
"""

import itertools
import json
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import tyro

from fer_core.checkpoint import CheckpointInfo, find_checkpoint
from fer_core.data.builtin import open_dataset
from fer_core.data.choosing import CHOICE_METHODS, choose_faces
from fer_core.data.derive import Derivation, derive_dataset
from fer_core.data.quality import mark_training_copies
from fer_core.data.schematic.actions import draw_actions
from fer_core.data.schematic.canvas import View
from fer_core.data.schematic.drawing import render_face
from fer_core.data.schematic.person import Person
from fer_core.data.store import Dataset, write_dataset
from fer_core.data.targets import compute_targets, match_classes
from fer_core.evaluation.calibration import softmax
from fer_core.evaluation.scoring import compute_embeddings
from fer_core.images import load_image
from fer_core.inference.crop import extract_crops
from fer_core.inference.detectors import build_detector
from fer_core.models import FerModel, load_checkpoint
from fer_core.runs.adaptation import load_adaptation
from fer_core.training.adapting import AdaptOptions, Layers, plan_adaptation
from fer_core.training.taking_over import choose_share
from fer_core.training.trainer import create_trainer
from fer_core.types import UInt8Array
from fer_core.workspace import Workspace

NUM_PEOPLE, FACES_EACH = 120, 12
HELD_OUT = 1 / 3
NUM_REPLAYED = 2000
REPLAY_SHARE = 0.75
POOL_SHARE = 0.8
"""Each seed chooses from its own part of the pool, the same for all methods."""
CPU = torch.device("cpu")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StandIn:
    """Faces that stand in for a user's own."""

    name: str
    images: UInt8Array
    labels: list[str]
    groups: list[str]
    is_held_out: npt.NDArray[np.bool_]


def draw_people(classes: Sequence[str], num_people: int) -> StandIn:
    """People who are drawn again and again, in light and from a side that no data set here has."""
    images, labels, groups, held_out = [], [], [], []
    for number in range(num_people):
        person = Person.random(np.random.default_rng((27, number)))
        for face in range(FACES_EACH):
            rng = np.random.default_rng((27, number, face))
            label = classes[int(rng.integers(len(classes)))]
            view = View(
                side=float(rng.uniform(1.9, 2.6)),
                center=(float(rng.normal(0.1, 0.06)), float(rng.normal(0.0, 0.06))),
                tilt_deg=float(rng.normal(8, 5)),
                yaw_deg=float(rng.uniform(5, 18)),
                pitch_deg=float(rng.uniform(-10, -3)),
            )
            actions = draw_actions(label, float(rng.uniform(0.5, 1.0)), rng)
            color = render_face(person, actions, view, height_px=48, width_px=48)
            grey = np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.float32)
            light = np.linspace(1.2, 0.35, 48, dtype=np.float32)[None]
            noisy = grey * light + rng.normal(0, 6, grey.shape)
            images.append(noisy.clip(0, 255).astype(np.uint8))
            labels.append(label)
            groups.append(f"person {number}")
            held_out.append(number >= num_people * (1 - HELD_OUT))
    return StandIn("drawn", np.stack(images), labels, groups, np.array(held_out))


def shift_faces(known: Dataset, rows: npt.NDArray[np.int64]) -> StandIn:
    """Validation faces of FER+ under other light, cropped otherwise, labelled by another habit."""
    images = []
    for row in rows.tolist():
        rng = np.random.default_rng((27, row))
        face = np.asarray(known.images[row], np.float32)
        light = np.linspace(0.25, 0.8, 48, dtype=np.float32)[:, None]
        dim = 255 * (face / 255) ** 1.4 * light + 12
        scale, down = rng.uniform(0.68, 0.8), rng.uniform(2, 6)
        matrix = np.array([[scale, 0, 24 * (1 - scale)], [0, scale, 24 * (1 - scale) + down]], np.float32)
        moved = cv2.warpAffine(dim, matrix, (48, 48), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        images.append((moved + rng.normal(0, 4, moved.shape)).clip(0, 255).astype(np.uint8))
    labels = known.samples["label"].iloc[rows].tolist()
    held_out = np.arange(len(rows)) % 2 == 1
    return StandIn("shifted", np.stack(images), labels, [f"face {row}" for row in rows], held_out)


def read_photos(path: Path, info: CheckpointInfo, workspace: Workspace) -> list[StandIn]:
    """The press photos as their two sources, cropped as the model wants them."""
    detector = build_detector("yunet", workspace)
    found: dict[str, list[tuple[UInt8Array, str]]] = {"350 x 350": [], "other sizes": []}
    with zipfile.ZipFile(path) as archive:
        table = pd.read_csv(archive.open("labels.csv"))
        for name, label in zip(table["path"], table["label"], strict=True):
            pixels = load_image(archive.read(name))
            boxes = detector.detect(pixels)
            if not boxes or label not in info.classes:
                continue
            largest = max(boxes, key=lambda box: box.width * box.height)
            (crop,) = extract_crops(pixels, [largest], info.input)
            found["350 x 350" if pixels.shape[:2] == (350, 350) else "other sizes"].append((crop, label))
    return [
        StandIn(
            f"press, {source}",
            np.stack([image for image, _ in items]),
            [label for _, label in items],
            [str(number) for number in range(len(items))],
            np.ones(len(items), bool),
        )
        for source, items in found.items()
        if items
    ]


@dataclass(slots=True)
class Features:
    """What the network before its head says of some faces, and what they show."""

    points: torch.Tensor
    targets: torch.Tensor

    def take(self, rows: npt.ArrayLike) -> "Features":
        """Some of the faces."""
        picked = torch.as_tensor(np.asarray(rows))
        return Features(self.points[picked], self.targets[picked])


class Head:
    """The last layer of a model, adapted on cached features."""

    def __init__(self, model: FerModel) -> None:
        """Begin with the model's own."""
        self.first = [item.detach().clone() for item in model.classifier.parameters()]
        self.now = self.first

    def fit(self, own: Features, old: Features, known: Features) -> None:
        """Least loss on own faces and on what was known before, from the first weights.

        As much of the change is kept as the accuracy on `known` bears.
        """
        weights = [item.clone().requires_grad_() for item in self.first]
        optimizer = torch.optim.LBFGS(weights, max_iter=20, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            losses = [
                torch.nn.functional.cross_entropy(item.points @ weights[0].T + weights[1], item.targets)
                for item in (own, old)
            ]
            distance = sum(
                ((item - first) ** 2).sum() for item, first in zip(weights, self.first, strict=True)
            )
            total = (1 - REPLAY_SHARE) * losses[0] + REPLAY_SHARE * losses[1] + 1e-3 * distance
            total.backward()
            return total

        optimizer.step(loss)
        after, self.now = [item.detach() for item in weights], self.first
        before = self.score(known)

        def lost(share: float) -> float:
            self.now = [old.lerp(new, share) for old, new in zip(self.first, after, strict=True)]
            return before - self.score(known)

        lost(choose_share(lost))

    def answer(self, features: Features) -> Floats:
        """Probabilities, N x K."""
        return softmax((features.points @ self.now[0].T + self.now[1]).numpy())

    def score(self, features: Features) -> float:
        """Accuracy."""
        right = self.answer(features).argmax(axis=1) == features.targets.argmax(dim=1).numpy()
        return float(right.mean())


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


def print_summary(lines: Sequence[dict[str, Any]]) -> None:
    """Mean over the seeds, and the difference to chance, paired by seed."""
    table = pd.DataFrame(lines)
    before = table[table["method"] == "before"].set_index("faces")
    shown = table[table["method"] != "before"]
    chance = shown[shown["method"] == "random"].set_index(["faces", "labels", "seed"])
    for (faces, size, method), part in shown.groupby(["faces", "labels", "method"], sort=False):
        index = pd.MultiIndex.from_frame(part[["faces", "labels", "seed"]])
        gaps = 100 * (part["own"].to_numpy() - chance.loc[index, "own"].to_numpy())
        error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan")
        gain = 100 * (part["own"].mean() - before.loc[faces, "own"])
        lost = 100 * (part["known"].mean() - before.loc[faces, "known"])
        print(
            f"{faces:8} {size:4} {method:15} own {gain:+6.2f}  known {lost:+6.2f}  "
            f"against random {gaps.mean():+6.2f} +- {error:.2f}"
        )


def plot(lines: Sequence[dict[str, Any]], image: Path) -> None:
    """The curves as a picture: Plotly in Chromium."""
    from plotly.subplots import make_subplots

    table = pd.DataFrame(lines)
    names = list(dict.fromkeys(table["faces"]))
    figure = make_subplots(1, len(names), subplot_titles=[f"{name} faces" for name in names])
    colors = dict(zip(CHOICE_METHODS, ("#8c8c8c", "#0072b2", "#e69f00", "#009e73", "#d55e00"), strict=True))
    for column, name in enumerate(names, 1):
        part = table[table["faces"] == name]
        first = float(part.loc[part["method"] == "before", "own"].iloc[0])
        for method in CHOICE_METHODS:
            mine = 100 * part[part["method"] == method].groupby("labels")["own"].agg(["mean", "min", "max"])
            figure.add_scatter(
                x=[0, *mine.index],
                y=[100 * first, *mine["mean"]],
                error_y={
                    "array": [0, *(mine["max"] - mine["mean"])],
                    "arrayminus": [0, *(mine["mean"] - mine["min"])],
                    "thickness": 1,
                    "width": 3,
                },
                name=method.replace("_", " "),
                line={"color": colors[method], "dash": "dash" if method == "random" else "solid"},
                showlegend=column == 1,
                row=1,
                col=column,
            )
    figure.update_xaxes(title="labels")
    figure.update_yaxes(title="held-out accuracy, %", col=1)
    figure.update_layout(
        template="plotly_white",
        width=1000,
        height=420,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 420})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.wait_for_selector(".scatterlayer .point", state="attached")
        page.screenshot(path=image)
        browser.close()


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
