"""Which way up the frames of a video are shown: the display matrix of its container."""

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from fer_core.inference.frames import copy_planes, view_plane

if TYPE_CHECKING:
    import av


class Orientation(NamedTuple):
    """How a display matrix brings stored pixels upright: transpose first, then mirror."""

    is_transposed: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False

    @classmethod
    def of_frame(cls, frame: "av.VideoFrame") -> "Orientation":
        """Read the whole matrix: `frame.rotation` tells a mirrored clip as turned by 180 degrees (PyAV 18.1).

        A point (x, y) is shown at (a x + c y, b x + d y), where the matrix begins with the rows (a, b) and
        (c, d) (ISO/IEC 14496-12, 6.2.2). Turns between right angles go to the nearest.
        """
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        (a, b), (c, d) = np.frombuffer(cast(bytes, data), np.int32).reshape(3, 3)[:2, :2].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def apply(self, frame: "av.VideoFrame") -> "av.VideoFrame":
        """Bring a yuv420p frame upright; it comes back itself, if that is how it is."""
        if self == Orientation():
            return frame
        step_y, step_x = -1 if self.mirrors_y else 1, -1 if self.mirrors_x else 1
        planes = [view_plane(plane) for plane in frame.planes]
        turned = [plane.T if self.is_transposed else plane for plane in planes]
        return copy_planes([plane[::step_y, ::step_x] for plane in turned], frame)
