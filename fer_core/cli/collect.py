"""`fer collect`: faces of one's own, picked to be labelled."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import describe_detectors, pick_detector, say, show_progress
from fer_core.data.choosing import ChoiceMethod
from fer_core.errors import CollectionError, ConfigError
from fer_core.progress import Report, get_audience, keep_result
from fer_core.words import count as count_words
from fer_core.workspace import Workspace, validate_name

if TYPE_CHECKING:
    from fer_core.collecting.candidates import CandidateStore
    from fer_core.inference.interfaces import FaceDetector, Predictor

_MOST_SHOWN = 20
SOME_FAILED = 1


def main(  # noqa: PLR0913 - the command's options
    name: Annotated[Positional[str], arg(metavar="NAME")],
    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILES")] = (),
    *,
    study: str | None = None,
    camera: str | None = None,
    seconds: float = 30.0,
    count: int = 60,
    method: ChoiceMethod = "mixed",
    person: str = "",
    every: float = 1.0,
    model: str | None = None,
    beside: tuple[str, ...] = (),
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    seed: int = 0,
    owner: str = "",
    yes: bool = False,
) -> int:
    """Collect faces from pictures, videos, a study or a camera, to label them and to adapt a model to them.

    The faces are kept in the workspace, in collections/NAME, with where each is from. Those that are there
    already are not taken again. Ask the people on them first. Exit status 1: some files could not be read.

    Args:
        name: Of the collection; one that is there already gets more faces.
        paths: Pictures and videos, or folders of them.
        study: Take faces from the recordings of this study, with the names that people have there.
        camera: Take faces from this camera of the machine: 0, 1, or the address of a stream.
        seconds: How long to look at the camera.
        count: How many faces to take, at most.
        method: How they are chosen: at random, where the model is least sure, where models disagree, what
            differs most from what was chosen, or mixed: of the least sure those that differ most.
        person: Who is on all of these; if not given, each face of a video counts as one of its own.
        every: Seconds between two looks at a video, so that no two neighbouring frames are taken.
        model: A shipped checkpoint's name, a run's name, or a folder; the shipped default, if not given.
        beside: Further models, for the method disagreement.
        detector: Face detector; the best that is installed, if not given.
        seed: Of chance.
        owner: Whom a new collection is shown to, where the dashboard has a login; everybody if not given.
        yes: Everybody at the camera agreed to be collected; asked otherwise.
    """
    validate_name(name, "collection")
    if sum((bool(paths), study is not None, camera is not None)) != 1:
        raise ConfigError("name pictures and videos, or --study, or --camera: one of them")
    if count < 1:
        raise ConfigError(f"count is {count}; expected at least 1")
    if method == "disagreement" and not beside:
        raise ConfigError("one model can't disagree; name others with --beside, such as --beside fer-tiny")
    if camera is not None:
        _ask_consent(yes)
    from fer_core.checkpoint import default_checkpoint, find_checkpoint
    from fer_core.collecting.candidates import keep_candidates
    from fer_core.collecting.collection import clean_person, open_or_create
    from fer_core.collecting.picking import build_embed, describe_taken, pick_faces
    from fer_core.inference.class_prior import GENERAL_PRIOR, with_prior
    from fer_core.inference.predictor import load_predictor
    from fer_core.inference.threads import limit_threads

    workspace, person = Workspace.default(), clean_person(person)
    entry = find_checkpoint(model, workspace) if model else default_checkpoint(workspace)
    limit_threads()
    predictors = [
        with_prior(load_predictor(key, workspace), GENERAL_PRIOR) for key in (str(entry.folder), *beside)
    ]
    look = _Look(predictors[0], pick_detector(detector, workspace), person, every, workspace)
    with keep_candidates() as store, show_progress("Looking for faces…") as show:
        if study is not None:
            problems = look.at_study(store, study, show)
        elif camera is not None:
            problems = look.at_camera(store, camera, seconds)
        else:
            problems = look.at_files(store, paths, show)
        for clip, problem in list(problems.items())[:_MOST_SHOWN]:
            say(f"{clip}: {problem}")
        if not store.found:
            raise CollectionError("no face was found, so nothing was collected; name other files")
        show(0, 0, f"choosing among {count_words(len(store.found), 'face')}")
        embed = build_embed(entry) if method in ("mixed", "most_different") else None
        collection = open_or_create(workspace, name, owner=owner)
        picked = pick_faces(collection, store, predictors, count=count, method=method, seed=seed, embed=embed)
    taken = {"num_faces": len(picked.faces), "num_seen": picked.num_seen, "num_known": picked.num_known}
    say(f"{collection.folder}: {describe_taken(**taken)}")
    say(f"next: fer label {name}")
    keep_result({**taken, "problems": problems})
    return SOME_FAILED if problems and get_audience() is None else 0  # a page shows them, too


@dataclass(frozen=True, slots=True)
class _Look:
    """How faces are looked for."""

    predictor: "Predictor"
    detector: str
    person: str
    every_s: float
    workspace: Workspace

    def at_study(self, store: "CandidateStore", name: str, show: Report) -> dict[str, str]:
        from fer_core.collecting.sources import read_study
        from fer_core.studies import load_study

        study = load_study(self.workspace, name)
        return read_study(store, study, every_s=self.every_s, on_progress=show)

    def at_files(self, store: "CandidateStore", paths: tuple[Path, ...], show: Report) -> dict[str, str]:
        from fer_core.collecting.sources import list_media, read_media

        return read_media(
            store,
            list_media(paths),
            self._build_detector,
            self.predictor,
            person=self.person,
            every_s=self.every_s,
            uploads=self.workspace.tasks,
            on_progress=show,
        )

    def at_camera(self, store: "CandidateStore", camera: str, seconds: float) -> dict[str, str]:
        from fer_core.cli.streams import stop_on_interrupt
        from fer_core.collecting.sources import read_camera
        from fer_core.inference.stream import FaceStream
        from fer_core.inference.tracker import TemporalConfig

        temporal = TemporalConfig(detect_every=1, smoothing_s=0.0)
        stream = FaceStream(self._build_detector(True), self.predictor, temporal)
        with stop_on_interrupt() as is_stopped:
            read_camera(
                store,
                camera,
                stream,
                seconds=seconds,
                person=self.person,
                every_s=self.every_s,
                cancelled=is_stopped,
            )
        return {}

    def _build_detector(self, is_stream: bool) -> "FaceDetector":
        from fer_core.inference.pipeline import STREAM_SIDE_PX, build_pipeline

        wishes = {"max_side_px": STREAM_SIDE_PX, "is_stream": True} if is_stream else {}
        return build_pipeline(self.detector, self.predictor, self.workspace, **wishes).detector


def _ask_consent(yes: bool) -> None:
    from fer_core.cli.terminal import is_confirmed

    question = "Did everybody in view agree that their face is kept on this computer, to be labelled? [y/N] "
    if not (yes or is_confirmed(question)):
        raise ConfigError("nothing was collected; ask everybody first, then add --yes")
