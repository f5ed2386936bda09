"""Due reviews in Chromium: a supervisor keeps one report, proposes the end of another, a second one answers."""

from datetime import datetime

import pytest

from fanal.intake.domain.records import ReviewState
from fanal.intake.queries.reviews import review_state
from fanal.kernel import clock
from fanal.kernel.actors import Role
from tests.acceptance.oversight.people import signed_in, user_as
from tests.acceptance.oversight.test_pages import Axe, check, password_is_enough
from tests.acceptance.steps import go
from tests.integration.desk.test_reviews_page import deposit
from tests.live import wait_for

__all__ = ["password_is_enough"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_supervisor_works_through_the_reviews(visit, axe: Axe, now: datetime, lang: str) -> None:
    first, other = deposit(30), deposit(25)
    claire = user_as(Role.SUPERVISOR, "Claire Chef", now=now)
    helene = user_as(Role.SUPERVISOR, "Hélène Duval-Beaumont", now=now)
    page = signed_in(visit, claire, f"/{lang}/desk/reviews/")
    assert page.locator("main section").count() == 2
    page.fill(f"#motive-{first}", "File 12 is open.")
    go(page, f"section[aria-labelledby='r-{first}'] button[value=keep]")
    page.fill(f"#motive-{other}", "File 7 was closed in 2025.")
    go(page, f"section[aria-labelledby='r-{other}'] button[value=end]")
    assert page.locator("main section").count() == 1
    assert page.locator("main textarea").count() == 0, "the proposer answers nothing"
    deposit(26)
    second = signed_in(visit, helene, f"/{lang}/desk/reviews/")
    check(second, axe, f"reviews-{lang}")
    second.fill(f"#motive-{other}", "Read: nothing needs it.")
    go(second, f"section[aria-labelledby='r-{other}'] button[value=agree]")
    assert review_state(report_id=first) is ReviewState.KEPT
    assert wait_for(lambda: review_state(report_id=other) is ReviewState.ENDED, seconds=20), (
        second.inner_text("main")
    )
