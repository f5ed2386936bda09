"""Wrong passwords that come at the same instant count as those that come one after the other."""

import threading
from collections import Counter

import pytest
from axes.models import AccessAttempt
from django.db import connection, connections
from django.db.models import Sum
from django.test import Client

from fanal.kernel.actors import Role
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ignore_template_errors]
AT_ONCE = 12
SHOWN, LOCKED = 200, 429


def _try(password: str) -> int:
    browser = Client(headers={"X-Forwarded-Proto": "https"}, raise_request_exception=False)
    return browser.post("/fr/login/", {"login": "ana", "password": password}).status_code


def _tries_at_once() -> Counter[int]:
    """Return the statuses of many wrong passwords, each from a browser of its own."""
    start, answers = threading.Barrier(AT_ONCE), Counter[int]()

    def guess(number: int) -> None:
        start.wait()
        try:
            answers[_try(f"wrong {number}")] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess, args=(n,)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _refusals() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_entry WHERE action = 'account.sign_in_refused'")
        return int(cursor.fetchone()[0])


def test_guesses_at_the_same_instant_close_sign_in_too(make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    answers = _tries_at_once()
    assert set(answers) <= {SHOWN, LOCKED}, answers
    assert answers.total() == AT_ONCE
    looked_at = AccessAttempt.objects.aggregate(n=Sum("failures_since_start"))["n"] or 0
    assert looked_at <= 5
    # Of those that nobody looks at one a minute is written down: entries stay for ever.
    assert looked_at <= _refusals() <= looked_at + 1
    for number in range(looked_at, 5):
        assert _try(f"one more {number}") == (SHOWN if number < 4 else LOCKED)
    assert _try(PASSWORD) == LOCKED, "the right password too"
    assert AccessAttempt.objects.get().failures_since_start == 5
    assert _refusals() == 5 + 1


def test_what_an_earlier_burst_left_is_counted_and_breaks_nothing(make_user: Make) -> None:
    """Rows of one name that lie beside each other, without an address."""
    make_user("ana", Role.ANALYST)
    for _ in range(3):
        AccessAttempt.objects.create(username="ana", ip_address=None, failures_since_start=1)
    assert _try("wrong") == SHOWN
    assert _try("wrong") == LOCKED
    assert _try(PASSWORD) == LOCKED


def test_the_right_password_is_no_guess(make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    for _ in range(4):
        assert _try("wrong") == SHOWN
    for _ in range(3):
        assert _try(PASSWORD) == 302
