"""Small trees of pictures for tests."""

import io
import zipfile

import numpy as np
from PIL import Image


def encode(seed=0, *, size=(40, 30), mode="RGB", kind="PNG", **options):
    rng = np.random.default_rng(seed)
    width, height = size
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format=kind, **options)
    return buffer.getvalue()


def write_tree(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def class_files(prefix="", classes=("happy", "sad"), count=10):
    return {
        f"{prefix}{name}/{index}.png": encode(100 * place + index)
        for place, name in enumerate(classes)
        for index in range(count)
    }
