"""ONNX graphs that are exported once: torch takes two to five processor seconds for the smallest network."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def reuse_graphs(folder: Path) -> Iterator[None]:
    """Within the block, `export_graph` copies what it has made before of the same network in the same form.

    Args:
        folder: where the graphs are kept; workers may share it.
    """
    from fer_core.export import graph

    export_graph = graph.export_graph

    def export_or_copy(model, info, path, options) -> None:
        form = (info.architecture, info.arguments, info.input, info.temperature, info.classes)
        key = hashlib.sha256(repr((form, options.embedding, options.uint8_input)).encode())
        for name, weights in sorted(model.state_dict().items()):
            key.update(name.encode() + weights.numpy(force=True).tobytes())
        kept = folder / key.hexdigest()
        if not kept.is_file():
            export_graph(model, info, path, options)
            if graph.is_large(model):
                return
            half = kept.with_suffix(f".{path.parent.name}")
            shutil.copy(path, half)
            half.replace(kept)
        shutil.copy(kept, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "export_graph", export_or_copy)
        yield
