"""Pace of drawing schematic faces, against writing the same pictures as PNG.

`python benchmarks/drawing.py` takes turns: draw so many faces, encode them. Reports the ratio of the medians
of processor time, which a busy machine disturbs less than the clock, and faces per second.
"""

import io
import statistics
import time
from collections.abc import Callable
from functools import partial

import tyro
from PIL import Image

from fer_core.data.synthetic import generate_schematic_faces


def measure(work: Callable[[], object]) -> float:
    """Seconds of a processor that `work` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(num_faces: int = 400, rounds: int = 5) -> None:
    """Print the pace.

    Args:
        num_faces: drawn in each round.
        rounds: of drawing and encoding in turn.
    """
    images = generate_schematic_faces(num_faces, seed=9).images

    def encode() -> None:
        for image in images:
            Image.fromarray(image).save(io.BytesIO(), "PNG")

    drawing, encoding = [], []
    for number in range(rounds):
        drawing.append(measure(partial(generate_schematic_faces, num_faces, seed=number)))
        encoding.append(measure(encode))
    drawn_s, encoded_s = statistics.median(drawing), statistics.median(encoding)
    print(
        f"drawing {num_faces / drawn_s:,.0f} faces a second of a processor: {drawn_s / encoded_s:.1f} x PNG"
    )


if __name__ == "__main__":
    tyro.cli(main)
