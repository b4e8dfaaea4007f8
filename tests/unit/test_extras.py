"""What a small install leaves out is told with the command that brings it."""

import pytest

from fer_core.errors import MissingPackageError
from fer_core.extras import explain_missing_packages, find_extra


@pytest.mark.parametrize(
    ("module", "words"), [("torch", r"fer-workbench\[train\]"), ("pandas.core", r"\[tables\]")]
)
def test_a_missing_package_is_told(module, words):
    with pytest.raises(MissingPackageError, match=words), explain_missing_packages():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_a_module_of_nobody_is_a_bug():
    assert find_extra("nothing") is None
    with pytest.raises(ModuleNotFoundError, match="nothing"), explain_missing_packages():
        raise ModuleNotFoundError("nothing", name="nothing")
