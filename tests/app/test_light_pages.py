"""A server in which nobody trains loads neither torch nor what else takes seconds."""

import subprocess
import sys

from app.shared.navigation import PAGES_FOLDER
from fer_core.data.builtin import write_schematic_faces
from fer_core.workspace import PROJECT_ROOT
from tests.small_runs import save_small_run

HEAVY = {"torch", "timm", "cv2", "sklearn", "av", "kornia", "accelerate", "onnxruntime", "onnx"}
CODE = """
import sys
from streamlit.testing.v1 import AppTest

for path, *parameters in {addresses!r}:
    page = AppTest.from_file(path, default_timeout=300)
    for name, value in parameters:
        page.query_params[name] = value
    page.run()
    assert not page.exception and not page.error, (path, parameters, page.exception, page.error)
    found = {heavy!r} & set(sys.modules)
    assert not found, (path, parameters, found)
"""


def test_no_page_loads_torch(app_workspace):
    write_schematic_faces(app_workspace, "faces", num_images=60)
    save_small_run(app_workspace, "done")
    addresses = [(str(PROJECT_ROOT / "app" / "Home.py"),)]
    pages = PAGES_FOLDER
    addresses += [(str(path),) for path in sorted(pages.glob("[a-z]*.py"))]
    addresses += [
        (str(pages / "models.py"), ("model", "fer-small")),
        (str(pages / "train.py"), ("run", "done")),
        (str(pages / "train.py"), ("part", "runs")),
        (str(pages / "explore_data.py"), ("dataset", "faces")),
    ]
    code = CODE.format(addresses=addresses, heavy=HEAVY)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
