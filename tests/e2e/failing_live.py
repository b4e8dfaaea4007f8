"""The live page with a predictor that raises on every tenth frame: what a test serves in place of the app."""

import itertools
from dataclasses import dataclass, field

from app.live_webcam import camera as live
from pages import live_webcam


@dataclass
class FailingPredictor:
    """Another predictor that fails now and then."""

    inner: object
    calls: itertools.count = field(default_factory=lambda: itertools.count(1))

    @property
    def info(self):
        return self.inner.info

    @property
    def runtime(self):
        return self.inner.runtime

    def predict(self, image_rgb, boxes):
        return self.inner.predict(image_rgb, boxes)

    def predict_crops(self, crops):  # what the stream asks, once a frame
        if next(self.calls) % 10 == 0:
            raise RuntimeError("every tenth frame fails")
        return self.inner.predict_crops(crops)


def _wrap(load):
    failing = {}

    def load_failing(*choice):
        inner = load(*choice)
        return failing.setdefault(id(inner), FailingPredictor(inner))

    load_failing.wraps = load
    return load_failing


if not hasattr(live.load_shared_predictor, "wraps"):  # this script runs again and again in one process
    live.load_shared_predictor = _wrap(live.load_shared_predictor)

live_webcam.main()
