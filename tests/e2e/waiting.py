"""Waiting for a page that redraws itself, as a person does without noticing."""

from playwright.sync_api import BrowserContext, FloatRect, Locator, Page, TimeoutError, expect  # noqa: A004

from benchmarks.script_runs import WATCH_RUNS

FILE_INPUT = "input[type=file]:not([webkitdirectory])"
"""What takes files in a file dialog; beside it may be one for folders."""
_SETTLED = """() => {
    const isCalm = window.ferRuns.length > 0 && window.ferRuns.every((run) => run[1] !== null)
        && document.querySelector('[data-stale=true]') === null;
    if (!isCalm) window.ferCalm = 0;
    else if (!window.ferAsks) {
        window.ferAsks = true;
        requestIdleCallback(() => { window.ferAsks = false; window.ferCalm += 1; }, {timeout: 1000});
    }
    return window.ferCalm > 5;
}"""
"""Asked at each drawing. The messages of a run are drawn after they have come, in many small steps: all
of it is there only when the browser has had nothing to do several times, or a second each to do it."""
_DRAWN = """async () => {
    for (let number = 0; number < 5; number++) await new Promise((drawn) => requestAnimationFrame(drawn));
}"""


def watch(place: BrowserContext | Page) -> None:
    """Let pages that are opened later tell when their scripts run: `settle` waits for that."""
    place.add_init_script(WATCH_RUNS)


def settle(page: Page) -> None:
    """Wait until all that was asked for is computed and drawn: a redraw closes an open list of options.

    What a page asks for by a timer does not count. The page must be watched (`watch`).
    """
    page.evaluate("window.ferCalm = 0")
    page.wait_for_function(_SETTLED)


def pick(page: Page, label: str, option: str, result: Locator | None = None) -> None:
    """Choose in a list of options; once more where a late redraw closed it or swallowed the click.

    Args:
        page: the page.
        label: of the list.
        option: what to choose.
        result: what is visible when the choice has arrived.
    """
    for _ in range(5):
        settle(page)
        page.get_by_role("combobox", name=label).click()
        try:
            page.get_by_role("option", name=option, exact=True).click(timeout=5000)
            if result is not None:
                expect(result).to_be_visible(timeout=5000)
        except (TimeoutError, AssertionError):
            page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"{label} does not take {option}")


def wait_until_still(page: Page, item: Locator) -> FloatRect:
    """Charts move while those above them are drawn, and a click falls beside what it was meant for."""
    before, num_still = None, 0
    for _ in range(100):
        box = item.bounding_box()
        num_still = num_still + 1 if box is not None and box == before else 0
        if box is not None and num_still == 4:
            return box
        before = box
        page.evaluate(_DRAWN)
    raise AssertionError("the page never comes to rest")


def count_screens(page: Page) -> float:
    """Height of a page in screens, once it has come to rest; 1 if it fits."""
    settle(page)
    return float(page.get_by_test_id("stMain").evaluate("(main) => main.scrollHeight / main.clientHeight"))
