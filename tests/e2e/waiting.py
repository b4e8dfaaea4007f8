"""Waiting for a page that redraws itself, as a person does without noticing."""

from playwright.sync_api import FloatRect, Locator, Page, TimeoutError, expect  # noqa: A004

FILE_INPUT = "input[type=file]:not([webkitdirectory])"
"""What takes files in a file dialog; beside it may be one for folders."""


def settle(page: Page) -> None:
    """Wait until nothing is computed and drawn any more: a redraw closes an open list of options."""
    page.wait_for_timeout(500)  # the sign of a running page comes a little late
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.locator("[data-stale=true]")).to_have_count(0)


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
        page.wait_for_timeout(150)
    raise AssertionError("the page never comes to rest")


def count_screens(page: Page) -> float:
    """Height of a page in screens, once it has come to rest; 1 if it fits."""
    settle(page)
    return float(page.get_by_test_id("stMain").evaluate("(main) => main.scrollHeight / main.clientHeight"))
