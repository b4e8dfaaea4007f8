"""Pictures of all requests wait in one bounded queue; who is free takes what waits, as one batch.

Under load a batch holds the pictures of many requests; a single request does not wait for others. What does
not fit into the queue is refused at once, so that memory and waiting times stay bounded.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fer_core.errors import FerError, MediaError
from fer_core.images import describe_rest, load_image
from fer_core.inference.face_quality import judge, read_faces
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.types import FaceBox, FaceResult, UInt8Array

logger = logging.getLogger(__name__)

_MAX_BATCH: Final[int] = 16
"""Pictures that are taken at once: they are held decoded."""
_LINGER_S: Final[float] = 0.001
"""For pictures that are being received right now: computed together they cost less."""
WHOLE_IMAGE: Final[str] = "whole-image"
NO_FACE: Final[str] = "No face was found; a picture cropped to one face needs ?detector=whole-image."


class QueueFullError(FerError):
    """Too many pictures wait."""


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """What was found on one picture."""

    width_px: int
    height_px: int
    faces: tuple[FaceResult, ...]
    notes: tuple[str, ...] = ()
    """What the user should know: further pages were not read, no face was found."""


_Result = ReadPicture | Exception


@dataclass(slots=True)
class _Request:
    detector: str
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"
    results: dict[int, _Result]
    num_pictures: int


class _Job(NamedTuple):
    """One picture of a request."""

    request: _Request
    number: int
    content: bytes


class Batcher:
    """The queue and the threads that work it off."""

    def __init__(
        self,
        predictor: Predictor,
        build_detector: Callable[[str], FaceDetector],
        *,
        num_threads: int,
        max_waiting: int,
        max_pixels: int,
        on_batch: Callable[[int, int], None] = lambda pictures, faces: None,
        on_waiting: Callable[[int], None] = lambda pictures: None,
    ) -> None:
        """Prepare; `start` starts the threads.

        Args:
            predictor: shared by all threads.
            build_detector: makes a detector of a name; each thread has its own.
            num_threads: batches worked on at a time.
            max_waiting: pictures that wait or are worked on.
            max_pixels: of a picture.
            on_batch: told how many pictures and faces each batch had.
            on_waiting: told by how many pictures more or fewer wait or are worked on.
        """
        self._predictor = predictor
        self._build_detector = build_detector
        self._max_waiting = max_waiting
        self._max_pixels = max_pixels
        self._on_batch = on_batch
        self._on_waiting = on_waiting
        self._jobs: deque[_Job] = deque()
        self._num_admitted = 0
        self._num_working = 0
        self._lock = threading.Condition()
        self._is_closed = True
        self._num_threads = num_threads
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"fer-serve-{number}", daemon=True)
            for number in range(self._num_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def num_admitted(self) -> int:
        """Pictures that wait, are being received or are worked on."""
        return self._num_admitted

    @property
    def is_alive(self) -> bool:
        """Whether all threads work."""
        return not self._is_closed and all(thread.is_alive() for thread in self._threads)

    def admit(self, num_pictures: int) -> None:
        """Take room for pictures before they are received; `release` gives it back.

        Raises:
            QueueFullError: there is none.
        """
        with self._lock:
            if self._num_admitted + num_pictures > self._max_waiting:
                raise QueueFullError(
                    f"{self._num_admitted} pictures wait, and at most {self._max_waiting} may; try again soon"
                )
            self._num_admitted += num_pictures
        self._on_waiting(num_pictures)

    def release(self, num_pictures: int) -> None:
        """Give back room that `admit` took."""
        with self._lock:
            self._num_admitted -= num_pictures
        self._on_waiting(-num_pictures)

    async def read(self, pictures: Sequence[bytes], detector: str) -> list[ReadPicture | MediaError]:
        """Read admitted pictures; what is wrong with one stands in its place.

        Args:
            pictures: encoded pictures.
            detector: name of the detector.

        Raises:
            FerError: the model or detector fails.
        """
        loop = asyncio.get_running_loop()
        request = _Request(detector, loop, loop.create_future(), {}, len(pictures))
        jobs = [_Job(request, number, content) for number, content in enumerate(pictures)]
        with self._lock:
            self._jobs.extend(jobs)
            self._lock.notify(len(jobs))
        if jobs:
            await request.future
        answers: list[ReadPicture | MediaError] = []
        for number in range(len(jobs)):
            result = request.results[number]
            if isinstance(result, Exception) and not isinstance(result, MediaError):
                raise result
            answers.append(result)
        return answers

    def close(self) -> None:
        """Finish what waits and end the threads."""
        with self._lock:
            self._is_closed = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def _take(self) -> list[_Job]:
        """A fair share of what waits; empty at the end."""
        while True:
            with self._lock:
                while not self._jobs and not self._is_closed:
                    self._lock.wait()
                num_coming = self._num_admitted - self._num_working - len(self._jobs)
                is_worth_waiting = num_coming > 0 and len(self._jobs) < _MAX_BATCH
            if is_worth_waiting:
                time.sleep(_LINGER_S)
            with self._lock:
                share = -(-len(self._jobs) // self._num_threads)
                jobs = [self._jobs.popleft() for _ in range(min(share, _MAX_BATCH))]
                self._num_working += len(jobs)
                if jobs or self._is_closed:
                    return jobs

    def _work(self) -> None:
        detectors: dict[str, FaceDetector] = {}
        while jobs := self._take():
            try:
                _hand_over(self._answer(jobs, detectors))
            except Exception as error:  # whatever it is, those who wait must hear of it
                if not isinstance(error, FerError):
                    logger.exception("a batch failed")
                _hand_over([(job, error) for job in jobs])
            with self._lock:
                self._num_working -= len(jobs)

    def _answer(self, jobs: Sequence[_Job], detectors: dict[str, FaceDetector]) -> list[tuple[_Job, _Result]]:
        answers: list[tuple[_Job, _Result]] = []
        good: list[_Job] = []
        views: list[tuple[UInt8Array, list[FaceBox]]] = []
        for job in jobs:
            name = job.request.detector
            if job.request.future.cancelled():  # the client is gone
                continue
            try:
                image = load_image(job.content, max_pixels=self._max_pixels)
                if name not in detectors:
                    detectors[name] = self._build_detector(name)
                views.append((image, detectors[name].detect(image)))
                good.append(job)
            except MediaError as error:
                answers.append((job, error))
        readings = iter(read_faces(self._predictor, views))
        for job, (image, boxes) in zip(good, views, strict=True):
            height, width = image.shape[:2]
            faces = tuple(judge(box, *next(readings)) for box in boxes)
            answers.append((job, ReadPicture(width, height, faces, _find_notes(job, faces))))
        self._on_batch(len(jobs), sum(len(boxes) for _, boxes in views))
        return answers


def _find_notes(job: _Job, faces: Sequence[FaceResult]) -> tuple[str, ...]:
    """What `fer predict` says on the side of such a picture."""
    misses_face = not faces and job.request.detector != WHOLE_IMAGE
    return tuple(filter(None, (describe_rest(job.content), NO_FACE * misses_face)))


def _hand_over(answers: Sequence[tuple[_Job, _Result]]) -> None:
    """Give results to those who wait for them: the loop is woken once a batch."""

    def settle() -> None:
        for job, result in answers:
            request = job.request
            request.results[job.number] = result
            if len(request.results) == request.num_pictures and not request.future.done():
                request.future.set_result(None)

    if not answers:
        return
    try:
        answers[0][0].request.loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop ended with its clients
        logger.info("nobody waits for a picture any more")


def count_threads(threads: int) -> int:
    """How many pictures are read at a time: as asked for, or one a core."""
    from fer_core.machine import count_cores

    return threads or max(1, min(8, count_cores()))
