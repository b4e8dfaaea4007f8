"""The model and detectors of a service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.serve.batching import WHOLE_IMAGE
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.inference.predictor import Runtime


class ServeEngine:
    """A loaded model, and the detectors that may be asked for: the chosen one, and `whole-image`."""

    def __init__(self, predictor: Predictor, detector: str, workspace: Workspace) -> None:
        """Join them; a detector that can't be built is told now."""
        self.predictor = predictor
        self.detector = detector
        self.detectors = tuple(dict.fromkeys((detector, WHOLE_IMAGE)))
        self._workspace = workspace
        self.build_detector(detector)

    def build_detector(self, name: str, *, is_stream: bool = False) -> FaceDetector:
        """Make a detector, which serves one thread."""
        from fer_core.inference.detectors import build_detector
        from fer_core.inference.pipeline import STREAM_SIDE_PX

        wishes = {"max_side_px": STREAM_SIDE_PX, "is_stream": True} if is_stream else {}
        framing = self.predictor.info.input.framing
        return build_detector(name, self._workspace, framing=framing, **wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """What to load an engine from: each process of a service loads its own."""

    model: str
    """A checkpoint's key, a run's name, or a path."""
    detector: str
    prior: str
    runtime: "Runtime"
    device: str
    workspace: Workspace

    def load(self) -> ServeEngine:
        """Load it.

        Raises:
            FerError: the model, the detector, the prior or the device can't be used.
        """
        from fer_core.inference.class_prior import with_prior
        from fer_core.inference.predictor import load_predictor
        from fer_core.inference.threads import limit_threads

        limit_threads(1)  # pictures are read side by side, each by one thread
        predictor = load_predictor(self.model, self.workspace, device=self.device, runtime=self.runtime)
        return ServeEngine(with_prior(predictor, self.prior), self.detector, self.workspace)
