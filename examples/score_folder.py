"""How good a model is on your own pictures, a folder per class: `python examples/score_folder.py faces/`."""

import sys

import fer_core as fer

faces, labels = fer.load_folder(sys.argv[1])
scores = fer.load("fer-small").evaluate(faces, labels)
print(f"accuracy {scores.accuracy:.1%}, balanced {scores.balanced_accuracy:.1%}, n = {scores.n}")
for item in scores.classes:
    print(f"{item.name:<10} recall {item.recall:.1%} of {item.support}")
