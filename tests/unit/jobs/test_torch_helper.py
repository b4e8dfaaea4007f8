"""The process that knows torch, and the file of what never changes."""

import os
import signal

import pytest

from fer_core.errors import ConfigError, FerError
from fer_core.io import read_json
from fer_core.jobs import torch_helper
from fer_core.jobs.torch_helper import TorchHelper, describe_network

SMALL = describe_network(
    "fer_resnet", {"stem_width": 8, "widths": "8-8-8", "depths": "1-1-1"}, num_classes=3, in_channels=1
)


@pytest.fixture
def helper(monkeypatch):
    child = TorchHelper()
    monkeypatch.setattr(torch_helper, "HELPER", child)
    yield child
    child.close()


def test_the_file_of_known_networks_is_true(helper):
    known = read_json(torch_helper.KNOWN_FILE, FerError)
    assert known == torch_helper.collect_known(), "python -m fer_core.jobs.torch_helper writes it anew"


def test_a_child_answers_refuses_and_is_asked_once(helper):
    from fer_core.models import build_model, count_parameters

    network = build_model("fer_resnet", num_classes=3, arguments=SMALL["arguments"])
    assert torch_helper.ask("count_parameters", **SMALL) == count_parameters(network)
    assert helper.ask("count_parameters", **SMALL) is helper.ask("count_parameters", **SMALL)
    wrong = describe_network("fer_resnet", {"widths": "8-8"}, num_classes=3, in_channels=1)
    with pytest.raises(ConfigError, match="expected as many stages as widths"):
        torch_helper.count_parameters(wrong)
    summary = torch_helper.ask("summarise_network", **SMALL, data_size=(32, 24))
    assert summary["input_size"] == [32, 24] and summary["num_parameters"] == count_parameters(network)


def test_a_killed_child_is_told_and_replaced(helper):
    torch_helper.ask("describe_arguments", name="plain_cnn")
    child = helper._process
    os.kill(child.pid, signal.SIGSTOP)  # so that it can't answer first
    waiting = helper.ask("count_parameters", **SMALL)
    child.kill()
    with pytest.raises(FerError, match="ended; see the server's log"):
        waiting.result(timeout=60)
    assert torch_helper.ask("count_parameters", **SMALL) > 0
    assert helper._process.pid != child.pid


def test_a_page_that_can_not_wait_is_told_later(helper, monkeypatch):
    monkeypatch.setattr(torch_helper, "PATIENCE_S", 0.0)
    assert torch_helper.count_parameters(SMALL) is None
    assert helper.ask("count_parameters", **SMALL).result(timeout=120) > 0
    assert torch_helper.is_answered("count_parameters", **SMALL)
    assert torch_helper.count_parameters(SMALL) > 0


@pytest.mark.parametrize("change", ["code", "package"])
def test_known_networks_count_only_for_this_code(change, monkeypatch):
    assert torch_helper.load_known.__wrapped__()["networks"]
    if change == "code":
        monkeypatch.setattr(torch_helper, "compute_code_digest", lambda: "another")
    else:
        monkeypatch.setattr(torch_helper, "entry_points", lambda group: [group])
    assert torch_helper.load_known.__wrapped__() == {}
