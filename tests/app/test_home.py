"""The landing page, the router, and what they import."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

from app.home import landing
from app.home.machine import Hardware, detect_hardware
from app.shared import messages
from app.shared.messages import UNEXPECTED
from app.shared.page_header import LOGO_SVG
from fer_core.errors import DataError
from fer_core.escaping import escape_markdown
from fer_core.inference import downloads as weights
from fer_core.jobs.tasks import cancel_task, start_task
from fer_core.workspace import PROJECT_ROOT
from tests.background import finish_task, waiting_command

WAYS = ["Analyze pictures and videos", "Go live", "Train a model"]
HOME = str(PROJECT_ROOT / "app" / "Home.py")


def _run() -> AppTest:
    return AppTest.from_file(HOME, default_timeout=60).run()


def _texts(page: AppTest) -> str:
    return "\n".join(element.value for kind in (page.markdown, page.caption) for element in kind)


def test_an_empty_machine_says_how_to_fill_it(app_workspace):
    page = _run()
    assert not page.exception
    assert not page.error
    assert [item.value.split(": ", 1)[-1] for item in page.subheader] == [*WAYS, "On this machine"]
    texts = _texts(page)
    assert "the Train page makes one" in texts
    assert "schematic-faces**, built in" in texts
    assert "apparent expressions" in texts
    assert "base no decision about a person on it" in texts


def test_what_is_on_the_machine_is_listed(save_model):
    for name in ("first", "second", "third", "with_under_scores"):
        save_model(name)
    page = _run()
    assert not page.exception
    texts = _texts(page)
    assert "81.2 % accuracy (FER+ majority, valid, n = 3,199)" in texts
    assert r"with\_under\_scores" in texts
    assert texts.count("and 1 more") == 1


def test_what_is_at_work_is_told_with_the_way_back(app_workspace, tmp_path):
    task = start_task(
        app_workspace,
        kind="evaluate",
        title="Evaluate it_all",
        command=waiting_command(tmp_path),
        page="compare_runs?tab=Errors",
        facts={},
    )
    page = _run()
    cancel_task(app_workspace, task.name)
    finish_task(app_workspace, "evaluate")
    assert not page.exception
    assert r"Evaluate it\_all · 0%" in _texts(page)
    assert ("At work", "tab=Errors") in [
        (item.proto.label, item.proto.query_string) for item in page.get("page_link")
    ]


def test_home_and_the_router_import_nothing_heavy():
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({HOME!r}, default_timeout=60).run()\n"
        "assert not page.exception and not page.error, page\n"
        "assert page.title[0].value.startswith('Facial expression')\n"
        # not plotly: AppTest itself imports it
        "heavy = {'torch', 'timm', 'cv2', 'sklearn', 'av', 'kornia', 'accelerate', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_fer_error_of_a_page_is_a_message(app_workspace, monkeypatch):
    def fail(_workspace):
        raise DataError("the *data set* is gone; import it again")

    monkeypatch.setattr(landing, "list_datasets", fail)
    page = _run()
    assert not page.exception
    (error,) = page.error
    assert error.value == escape_markdown("the *data set* is gone; import it again")


def test_an_unexpected_error_is_an_apology_and_a_log(app_workspace, monkeypatch, caplog):
    def fail(_workspace):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(landing, "list_datasets", fail)
    page = _run()
    assert not page.exception
    (error,) = page.error
    assert error.value == UNEXPECTED
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


def test_yunet_offline_is_a_message_and_the_page_goes_on(app_workspace, monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(weights.urllib.request, "urlopen", refuse)
    page = _run()
    button = next(item for item in page.button if item.label.startswith("Get YuNet"))
    button.click().run()
    assert not page.exception
    (error,) = page.error
    assert "Network is unreachable" in error.value
    assert "fer fetch yunet --from" in error.value
    assert page.title[0].value.startswith("Facial expression")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("a_b *c* [d](e) :smile: $x$", "a\\_b \\*c\\* \\[d\\](e) \\:\u2060smile\\: \\$x\\$"),
        ("run `fer fetch_it` now_", r"run `fer fetch_it` now\_"),
    ],
)
def test_names_from_files_never_become_formatting(text, expected):
    assert messages.escape_markdown(text) == expected


def test_the_name_in_the_logo_fits_whatever_font_draws_it():
    logo = ElementTree.fromstring(LOGO_SVG)
    text = logo.find("{*}text")
    assert text is not None
    assert float(text.get("x", "")) + float(text.get("textLength", "inf")) <= float(logo.get("width", ""))


def test_the_computer_is_described():
    hardware = detect_hardware()
    assert hardware.num_cores >= 1
    assert hardware.memory_gib > 0
    assert str(Hardware(num_cores=2, memory_gib=7.6, accelerators=())) == "2 cores, 8 GiB"
    assert str(Hardware(num_cores=1, memory_gib=2, accelerators=())) == "1 core, 2 GiB"
