"""Steps that a person takes on a page, and what the browser does until the next page is there."""

from playwright.sync_api import Page


def go(page: Page, selector: str) -> None:
    """Click what leads to another page and wait for it: a click alone may return while the old one stands."""
    with page.expect_navigation():
        page.click(selector)
    _whole(page)


def turn(page: Page, selector: str) -> None:
    """Click what leads to the next page of a form, and wait for it, loaded anew or put in the place of this one."""
    page.evaluate("document.querySelector('main').dataset.turned = ''")
    page.click(selector)
    page.wait_for_selector("main:not([data-turned])")
    _whole(page)


def arrive(page: Page, selector: str) -> None:
    """Wait for the page that a key leads to, scripts included: before them no key does anything."""
    page.wait_for_selector(selector)
    _whole(page)


def take(page: Page) -> None:
    """Take the report that is open."""
    go(page, ".fd-report-head [data-claim] button")


def twice(page: Page, selector: str) -> None:
    """Press the button at `selector` twice, as a hand does that double-clicks."""
    page.locator(selector).hover()
    for pause in (5, 0):
        page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(pause)


def _whole(page: Page) -> None:
    """Wait for the end of the page, as its document says: on a busy machine the load of the one before may count."""
    page.wait_for_load_state("load")
    page.wait_for_function("document.readyState === 'complete'")
