"""The faces of photos, in two lines: `python examples/read_photo.py photo.jpg ...`."""

import sys

import fer_core as fer

for faces, name in zip(fer.read(sys.argv[1:]), sys.argv[1:], strict=True):
    for face in faces:
        box = face.box
        shares = ", ".join(f"{word} {share:.0%}" for word, share in list(face.probabilities.items())[:3])
        print(f"{name}: {box.width:.0f}x{box.height:.0f} px at {box.x:.0f}, {box.y:.0f}: {shares}")
