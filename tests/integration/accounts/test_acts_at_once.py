"""Two acts on one account at the same moment: one after the other, and neither undoes the other."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.models import Reset, ResetEnd, User
from fanal.accounts.operations.changes import close_account, end_sessions_of, reopen_account
from fanal.accounts.operations.resets import (
    ResetReason,
    confirm_reset,
    new_password,
    propose_reset,
    withdraw_reset,
)
from fanal.accounts.queries.people import actor_for
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry
from tests.integration.accounts.keys import SoftwareKey, options_of
from tests.integration.accounts.people import PASSWORD, Make
from tests.server import WAITING_FOR_ME

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_second_factor"),
    pytest.mark.ignore_template_errors,
]
ANA, KARIM, KIM, CLAIRE = "ana", "karim", "kim", "claire"
FACTORS = "/en/account/second-factor/"
SIGN_IN = "/en/login/"
People = dict[str, User]
Act = Callable[[People], object]


@pytest.fixture
def people(make_user: Make) -> People:
    """An analyst, two administrators and a supervisor."""
    roles = {
        ANA: Role.ANALYST,
        KARIM: Role.ADMINISTRATOR,
        KIM: Role.ADMINISTRATOR,
        CLAIRE: Role.SUPERVISOR,
    }
    return {login: make_user(login, role) for login, role in roles.items()}


def _actor(people: People, login: str) -> Actor:
    return actor_for(user=people[login], now=datetime.now(UTC))


def _propose(people: People) -> UUID:
    return propose_reset(
        actor=_actor(people, KARIM), person_id=people[ANA].person_id, factors=True,
        reason=ResetReason.LOST, now=datetime.now(UTC),
    )  # fmt: skip


def _reset_of(people: People) -> UUID:
    return Reset.objects.get(person_id=people[ANA].person_id).id


def _confirm(people: People) -> None:
    actor = _actor(people, CLAIRE)
    confirm_reset(actor=actor, reset_id=_reset_of(people), now=datetime.now(UTC))


def _withdraw(people: People) -> None:
    actor = _actor(people, CLAIRE)
    withdraw_reset(actor=actor, reset_id=_reset_of(people), now=datetime.now(UTC))


def _close(people: People, login: str = ANA) -> None:
    actor, person = _actor(people, KIM), people[login].person_id
    close_account(actor=actor, person_id=person, now=datetime.now(UTC))


def _close_proposer(people: People) -> None:
    _close(people, KARIM)


def _close_and_reopen(people: People) -> None:
    _close(people)
    actor, person = _actor(people, KIM), people[ANA].person_id
    reopen_account(actor=actor, person_id=person, seen="", now=datetime.now(UTC))


def _end_sessions(people: People) -> None:
    actor, person = _actor(people, KIM), people[ANA].person_id
    end_sessions_of(actor=actor, person_id=person, now=datetime.now(UTC))


@contextmanager
def _at_once(
    act: Callable[[], object], then: Callable[[], object] = lambda: None
) -> Iterator[list[object]]:
    """Do what the block does in a transaction, and `then`, when `act`, in a thread, waits for it or has ended.

    The list holds, after the block, what `act` returned or raised.
    """
    found: list[object] = []

    def other() -> None:
        try:
            found.append(act())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        yield found
        thread = threading.Thread(target=other)
        thread.start()
        _wait_for(thread)
        then()
    thread.join(timeout=60)
    assert not thread.is_alive()


def _wait_for(thread: threading.Thread) -> None:
    """Return when a thread waits for a lock of this connection, or has ended."""
    for _ in range(3000):
        with connection.cursor() as cursor:
            cursor.execute(WAITING_FOR_ME)
            if cursor.fetchone()[0] or not thread.is_alive():
                return
        time.sleep(0.02)
    pytest.fail("nothing waits")


def _browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})


def _thief() -> Client:
    """Somebody with ana's password and session, who has proven the password again."""
    browser = _browser()
    assert browser.post(SIGN_IN, {"login": ANA, "password": PASSWORD}).status_code == 302
    browser.post("/en/account/again/", {"password": PASSWORD})
    return browser


def _enrol(browser: Client) -> Callable[[], object]:
    """Return the last request of an enrolment of one-time codes."""
    browser.get(f"{FACTORS}totp/activate/")
    now = int(time.time()) // 30
    code = format_hotp_value(hotp_value(browser.session["mfa.totp.secret"], now))
    return lambda: browser.post(f"{FACTORS}totp/activate/", {"code": code})


def _enrolled(browser: Client) -> None:
    assert _enrol(browser)().status_code == 302
    cache.clear()


def _generate(browser: Client) -> Callable[[], object]:
    _enrolled(browser)
    return lambda: browser.post(f"{FACTORS}recovery-codes/generate/")


def _remove(browser: Client) -> Callable[[], object]:
    _enrolled(browser)
    return lambda: browser.post(f"{FACTORS}totp/deactivate/")


def _add_key(browser: Client) -> Callable[[], object]:
    page = browser.get(f"{FACTORS}webauthn/add/").content.decode()
    form = {"name": "key", "credential": SoftwareKey().register(options_of(page))}
    return lambda: browser.post(f"{FACTORS}webauthn/add/", form)


def _rename_key(browser: Client) -> Callable[[], object]:
    """The library saves the whole row again: one that a reset has removed meanwhile would come back."""
    _add_key(browser)()
    cache.clear()
    key = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN)
    return lambda: browser.post(f"{FACTORS}webauthn/keys/{key.pk}/edit/", {"name": "other"})


def _factors() -> list[object]:
    return list(Authenticator.objects.order_by("id").values_list("id", "type", "data"))


@pytest.mark.parametrize("change", [_enrol, _generate, _remove, _add_key, _rename_key])
def test_a_change_of_factors_in_progress_survives_no_reset(
    people: People, change: Callable[[Client], Callable[[], object]]
) -> None:
    thief = _thief()
    act, made = change(thief), _propose(people)
    with _at_once(act) as found:
        _confirm(people)
    assert (found[0].status_code, found[0]["Location"]) == (302, SIGN_IN), found
    assert not _factors(), "no factor of before, and none of meanwhile"
    assert thief.get("/en/account/").status_code == 302, "the session is over"
    people[ANA].refresh_from_db()
    assert people[ANA].check_password(new_password(made))


@pytest.mark.parametrize("change", [_enrol, _generate, _remove, _add_key])
@pytest.mark.parametrize("held", [_end_sessions, _close, _close_and_reopen])
def test_a_change_of_factors_in_progress_keeps_no_session_that_ended(
    people: People, change: Callable[[Client], Callable[[], object]], held: Act
) -> None:
    thief = _thief()
    act = change(thief)
    before, entries = _factors(), _entries_of_factors()
    with _at_once(act) as found:
        held(people)
    assert (found[0].status_code, found[0]["Location"]) == (302, SIGN_IN), found
    assert thief.get("/en/account/").status_code == 302, "the session is over"
    assert (_factors(), _entries_of_factors()) == (before, entries), "and nothing has changed"


def _entries_of_factors() -> int:
    return LedgerEntry.objects.filter(action__startswith="account.factor").count()


def test_a_reset_waits_for_an_enrolment_and_removes_it_too(people: People) -> None:
    thief = _thief()
    act = _enrol(thief)
    _propose(people)
    with _at_once(lambda: _confirm(people)) as found:
        act()
    assert found == [None]
    assert not _factors()
    assert thief.get("/en/account/").status_code == 302


@pytest.mark.parametrize("closed", [ANA, KARIM])
@pytest.mark.parametrize("ending", [_confirm, _withdraw])
def test_a_closing_is_never_refused_for_a_reset_that_ended(
    people: People, ending: Act, closed: str
) -> None:
    made = _propose(people)
    with _at_once(lambda: _close(people, closed)) as found:
        ending(people)
    assert found == [None]
    assert not User.objects.get(username=closed).is_active
    assert ResetEnd.objects.get(reset_id=made).outcome in {"CONFIRMED", "WITHDRAWN"}


@pytest.mark.parametrize("closed", [ANA, KARIM])
def test_a_closing_and_a_confirmation_take_the_same_locks_first(
    people: People, closed: str
) -> None:
    """The confirmation begins while the closing holds the account and has not withdrawn yet."""
    made = _propose(people)
    with _at_once(lambda: _confirm(people), then=lambda: _close(people, closed)) as found:
        User.objects.select_for_update().get(pk=people[closed].pk)
    assert isinstance(found[0], Refusal), found
    assert not User.objects.get(username=closed).is_active
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"


def test_two_accounts_of_one_reset_are_closed_at_once(people: People) -> None:
    made = _propose(people)
    with _at_once(lambda: _close(people, KARIM)) as found:
        _close(people, ANA)
    assert found == [None]
    assert not User.objects.filter(username__in=[ANA, KARIM], is_active=True).exists()
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"


@pytest.mark.parametrize("held", [_close, _close_proposer])
def test_no_reset_is_proposed_while_an_account_of_it_is_being_closed(
    people: People, held: Act
) -> None:
    with _at_once(lambda: _propose(people)) as found:
        held(people)
    assert isinstance(found[0], (Refusal, Refused)), found
    assert not Reset.objects.exists()


@pytest.mark.parametrize("closed", [ANA, KARIM])
def test_a_closing_withdraws_what_is_being_proposed(people: People, closed: str) -> None:
    with _at_once(lambda: _close(people, closed)) as found:
        made = _propose(people)
    assert found == [None]
    assert ResetEnd.objects.get(reset_id=made).outcome == "WITHDRAWN"


def _raw(people: People) -> Reset:
    now = datetime.now(UTC)
    return Reset.objects.create(
        id=uuid4(), person_id=people[ANA].person_id, factors=False, reason_code="LOST",
        proposer_id=people[KARIM].person_id, proposed_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip


def test_the_database_takes_no_reset_of_a_closed_account(people: People) -> None:
    with _at_once(lambda: _raw(people)) as found:
        _close(people)
    assert isinstance(found[0], IntegrityError), found
    assert not Reset.objects.exists()


def test_a_closing_waits_for_a_reset_that_is_being_stored(people: People) -> None:
    with _at_once(lambda: _close(people)) as found:
        made = _raw(people)
    assert found == [None]
    assert ResetEnd.objects.get(reset_id=made.id).outcome == "WITHDRAWN"
