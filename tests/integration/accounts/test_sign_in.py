"""Signing in as people do it, through the whole chain of middleware."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.cache.backends import locmem
from django.db import connection
from django.test import Client

from fanal.accounts.domain.records import NewAccount
from fanal.accounts.models import Counter
from fanal.accounts.operations.changes import close_account
from fanal.accounts.operations.demo import NotADemo, ensure_demo_accounts
from fanal.accounts.operations.habilitations import revoke_habilitation
from fanal.accounts.operations.people import create_account, forget_counters
from fanal.accounts.queries.people import actor_for, find_user, list_habilitations
from fanal.kernel import clock
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.ledger.domain import canonical
from fanal.web.account import demo, landing
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make
from tests.server import as_worker

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def _code() -> str:
    return format_hotp_value(hotp_value(SECRET, _counters()[1]))


def _counters() -> list[int]:
    """Return the periods whose codes pass now: the one before, which may end at once, this one, the next."""
    return list(yield_hotp_counters_from_time())


def _sign_in(web: Client, login: str, password: str = PASSWORD, language: str = "fr"):
    return web.post(f"/{language}/login/", {"login": login, "password": password})


@pytest.mark.parametrize("language", ["fr", "en"])
def test_login_page_shows_a_form_and_no_demo_account(web: Client, language: str) -> None:
    page = web.get(f"/{language}/login/")
    assert page.status_code == 200
    body = page.content.decode()
    assert 'name="login"' in body
    assert "fanal-demo" not in body
    assert "script-src 'self' 'nonce-" in page["Content-Security-Policy"]


def test_password_alone_leads_to_the_second_factor(web: Client, make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    answer = _sign_in(web, "ana")
    assert answer.status_code == 302, answer.content.decode()
    assert web.get("/fr/account/").status_code == 200
    refused = web.get("/fr/account/habilitations/")
    assert refused.status_code == 302
    assert refused["Location"] == "/fr/account/second-factor/"


def test_totp_opens_the_session(web: Client, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    stored = Authenticator.objects.get(user=user).data["secret"]
    assert SECRET not in stored
    assert get_adapter().decrypt(stored) == SECRET
    answer = _sign_in(web, "claire")
    assert answer["Location"] == "/fr/account/second-factor/authenticate/"
    assert web.get("/fr/account/").status_code == 302, "not signed in before the code"
    wrong = web.post(answer["Location"], {"code": "000000"})
    assert wrong.status_code == 200
    right = web.post(answer["Location"], {"code": _code()})
    assert right.status_code == 302
    assert web.get("/fr/account/habilitations/").status_code == 200


def test_wrong_codes_are_limited(web: Client, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    target = _sign_in(web, "claire")["Location"]
    for _ in range(6):
        web.post(target, {"code": "000000"})
    limited = web.post(target, {"code": _code()})
    assert limited.status_code in {200, 429}
    assert web.get("/fr/account/").status_code == 302, "even the right code is refused by now"


def test_five_wrong_passwords_lock_every_spelling(web: Client, make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    spellings = ["ana", "ANA", " ana ", "ＡＮＡ", "aNa"]
    answers = [_sign_in(web, spelling, "wrong").status_code for spelling in spellings]
    assert answers[-1] == 429
    assert _sign_in(web, "ana").status_code == 429, "the right password too"
    attempt = AccessAttempt.objects.get()
    assert attempt.username == "ana"
    assert attempt.failures_since_start == 5


def test_strangers_shut_nobody_out_of_a_known_browser(web: Client, make_user: Make) -> None:
    """Neither by wrong passwords nor, knowing the password, by wrong codes."""
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    step = _sign_in(web, "claire")["Location"]
    first, *others = (format_hotp_value(hotp_value(SECRET, n)) for n in _counters()[1:])
    assert web.post(step, {"code": first}).status_code == 302
    web.post("/fr/logout/")
    stranger = Client(headers={"X-Forwarded-Proto": "https"})
    for _ in range(6):
        _sign_in(stranger, "claire", "wrong")
    assert _sign_in(stranger, "claire").status_code == 429
    assert _sign_in(web, "claire").status_code == 302, "the person's own browser"
    insider = Client(headers={"X-Forwarded-Proto": "https"})
    cache.clear()
    AccessAttempt.objects.all().delete()
    asked = _sign_in(insider, "claire")["Location"]
    for _ in range(7):
        insider.post(asked, {"code": "000000"})
    insider.post(asked, {"code": others[-1]})
    assert insider.get("/fr/account/").status_code == 302, "no more tries"
    assert web.post(step, {"code": others[-1]}).status_code == 302
    assert web.get("/fr/account/habilitations/").status_code == 200


def test_an_address_shuts_out_nobody_who_shares_it(web: Client, make_user: Make) -> None:
    """Whatever it sends: a desk, or everybody behind one proxy, comes from one address."""
    make_user("ana", Role.ANALYST)
    stranger = Client(headers={"X-Forwarded-Proto": "https"})
    statuses = {stranger.post("/fr/login/", {}).status_code for _ in range(130)}
    assert statuses == {200}
    assert _sign_in(web, "ana").status_code == 302


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Trop d’essais"), ("en", "Too many tries in a short time")]
)
def test_too_many_tries_of_a_person_are_refused_in_their_language(
    web: Client, make_user: Make, no_second_factor: None, language: str, words: str
) -> None:
    make_user("ana", Role.ANALYST)
    _sign_in(web, "ana")
    wrong = {"oldpassword": "wrong", "password1": "x", "password2": "x"}
    answers = [web.post(f"/{language}/account/password/", wrong) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert words in answers[-1].content.decode()


def test_a_known_browser_gives_no_tries_back_to_others(web: Client, make_user: Make) -> None:
    """Whoever holds the password and a stolen mark has the mark's six tries more, and no others."""
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    step = _sign_in(web, "claire")["Location"]
    first, *others = (format_hotp_value(hotp_value(SECRET, n)) for n in _counters()[1:])
    assert web.post(step, {"code": first}).status_code == 302
    web.post("/fr/logout/")
    stranger, thief = (Client(headers={"X-Forwarded-Proto": "https"}) for _ in range(2))
    thief.cookies["fanal_device"] = web.cookies["fanal_device"].value
    cache.clear()
    for browser in (stranger, thief):
        _sign_in(browser, "claire")
    for _ in range(6):
        stranger.post(step, {"code": "000000"})
        thief.post(step, {"code": "000000"})
    for browser in (stranger, thief):
        browser.post(step, {"code": others[-1]})
        assert browser.get("/fr/account/").status_code == 302, "no more tries"


def test_the_right_code_of_a_known_browser_gives_no_tries_back_to_others(
    web: Client, make_user: Make
) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    step = _sign_in(web, "claire")["Location"]
    third, first, second = (format_hotp_value(hotp_value(SECRET, n)) for n in _counters())
    assert web.post(step, {"code": first}).status_code == 302
    web.post("/fr/logout/")
    stranger = Client(headers={"X-Forwarded-Proto": "https"})
    cache.clear()
    _sign_in(stranger, "claire")
    for _ in range(6):
        stranger.post(step, {"code": "000000"})
    _sign_in(web, "claire")
    assert web.post(step, {"code": second}).status_code == 302
    assert web.get("/fr/account/habilitations/").status_code == 200
    stranger.post(step, {"code": third})
    assert stranger.get("/fr/account/").status_code == 302, "no more tries"


def test_a_known_browser_that_guesses_waits_a_minute_alone(web: Client, make_user: Make) -> None:
    user = make_user("ana", Role.ANALYST)
    _sign_in(web, "ana")
    web.post("/fr/logout/")
    answers = [_sign_in(web, "ana", "wrong").status_code for _ in range(5)]
    assert answers[-1] == 429
    page = _sign_in(web, "ana")
    assert page.status_code == 429
    assert "1 minute." in page.content.decode()
    other = Client(headers={"X-Forwarded-Proto": "https"})
    assert _sign_in(other, "ana").status_code == 302, "others are counted apart"
    AccessAttempt.objects.update(attempt_time=datetime.now(UTC) - timedelta(minutes=2))
    assert _sign_in(web, "ana").status_code == 302
    assert user.username == "ana"


@pytest.mark.parametrize("forged", ["x", "e30:1abc:def"])
def test_a_forged_mark_is_an_unknown_browser(web: Client, make_user: Make, forged: str) -> None:
    make_user("ana", Role.ANALYST)
    web.cookies["fanal_device"] = forged
    for _ in range(5):
        _sign_in(web, "ana", "wrong")
    assert AccessAttempt.objects.get().username == "ana"


def test_the_mark_of_one_account_opens_no_other(web: Client, make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    make_user("bob", Role.ANALYST)
    _sign_in(web, "ana")
    web.post("/fr/logout/")
    _sign_in(web, "bob", "wrong")
    assert AccessAttempt.objects.get().username == "bob"


UNREAD_BY_THE_WEB = {
    "analyse_unread",
    "crosscheck_sketch",
    "crosscheck_spelling",
    "crosscheck_worn",
    "crosscheck_unjoined",
    "crosscheck_waiting",
    "orient_late",
    "orient_unrecorded",
}
"""The worker's own: the web writes nothing there but the ids of reports that wait."""


def test_nothing_of_the_visitor_is_kept(make_user: Make) -> None:
    make_user("ana", Role.ANALYST)
    web = Client(
        headers={"X-Forwarded-Proto": "https", "User-Agent": "canary-agent"},
        REMOTE_ADDR="203.0.113.77",
    )
    _sign_in(web, "ana", "wrong")
    _sign_in(web, "nobody", "wrong")
    _sign_in(web, "ana")
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in UNREAD_BY_THE_WEB:
                continue
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text ~ %s',
                ["canary-agent|203.0.113.77"],
            )
            assert cursor.fetchone() == (0,), table
    for session in Session.objects.all():
        assert "203.0.113.77" not in str(session.get_decoded())


def test_sign_in_and_out_are_in_the_ledger(web: Client, make_user: Make) -> None:
    user = make_user("ana", Role.ANALYST)
    _sign_in(web, "ana")
    web.post("/fr/logout/")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action FROM ledger_entry WHERE actor_id = %s ORDER BY id", [user.person_id]
        )
        actions = [row[0] for row in cursor.fetchall()]
    assert actions == ["account.sign_in", "account.sign_out"]


def test_refusals_are_in_the_ledger_without_a_name(web: Client, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    for login in ("claire", " CLAIRE ", "nobody"):
        _sign_in(web, login, "wrong")
    target = _sign_in(web, "claire")["Location"]
    web.post(target, {"code": "000000"})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM ledger_entry WHERE action = 'account.sign_in_refused' ORDER BY id"
        )
        bodies = [bytes(row[0]) for row in cursor.fetchall()]
    entries = [canonical.decode(body) for body in bodies]
    assert [e.detail["step"] for e in entries] == ["PASSWORD"] * 3 + ["CODE"]
    names = [e.detail["login"] for e in entries]
    assert names[0] == names[1] == names[3] != names[2]
    assert {e.actor_id for e in entries} == {public_actor().person_id}
    assert not re.search(rb"claire|nobody|127\.0\.0\.1", b"".join(bodies))


def test_limits_of_codes_hold_in_every_process(web: Client, make_user: Make) -> None:
    """A second process has a memory of its own: what counts lies in the database."""
    user = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(user, SECRET)
    code, later = (format_hotp_value(hotp_value(SECRET, c)) for c in _counters()[1:])
    target = _sign_in(web, "claire")["Location"]
    assert web.post(target, {"code": code}).status_code == 302
    locmem._caches.clear()
    other = Client(headers={"X-Forwarded-Proto": "https"})
    target = _sign_in(other, "claire")["Location"]
    assert other.post(target, {"code": code}).status_code == 200, "a code serves once"
    for _ in range(5):
        other.post(target, {"code": "000000"})
        locmem._caches.clear()
    assert other.post(target, {"code": later}).status_code in {200, 429}
    assert other.get("/fr/account/").status_code == 302, "even a right code is refused by now"


def test_what_counts_by_address_is_never_stored() -> None:
    cache.set("allauth:rl:account:login:120/60/ip:ip:203.0.113.77", [1.0], 60)
    assert Counter.objects.count() == 0
    assert cache.add("lock", True, 60)
    assert not cache.add("lock", True, 60)
    assert b"lock" not in bytes(Counter.objects.get().digest)
    assert cache.get("lock") is True
    assert cache.delete("lock")
    assert cache.add("lock", True, -1)
    assert cache.get("lock") is None
    assert cache.add("lock", [1.5], 60), "what has ended gives way"
    assert forget_counters(now=clock.now()) == 0


def test_revoked_role_is_lost_at_the_next_request(
    web: Client, make_user: Make, no_second_factor: None
) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    _sign_in(web, "claire")
    assert web.get("/fr/account/habilitations/").status_code == 200
    now = datetime.now(UTC)
    held = list_habilitations(actor=actor_for(user=user, now=now))
    from fanal.accounts.domain.records import RevocationReason

    with as_worker():  # the console
        revoke_habilitation(
            actor=SYSTEM, habilitation_id=held[0].id, reason=RevocationReason.LEFT, now=now
        )
    assert web.get("/fr/account/habilitations/").status_code == 403


def test_closed_account_is_out_at_once(
    web: Client, make_user: Make, no_second_factor: None
) -> None:
    ana = make_user("ana", Role.ANALYST).person_id
    _sign_in(web, "ana")
    assert web.get("/fr/account/").status_code == 200
    close_account(actor=SYSTEM, person_id=ana, now=datetime.now(UTC))
    assert web.get("/fr/account/").status_code == 302
    assert _sign_in(web, "ana")["Location"] == "/fr/login/"
    assert web.get("/fr/account/").status_code == 302


def test_ending_sessions_ends_the_other_browser(
    web: Client, make_user: Make, no_second_factor: None
) -> None:
    make_user("ana", Role.ANALYST)
    other = Client(headers={"X-Forwarded-Proto": "https"})
    for browser in (web, other):
        _sign_in(browser, "ana")
    assert web.post("/fr/account/sessions/end/").status_code == 302
    assert other.get("/fr/account/").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_return_address_never_leaves_the_site(
    web: Client, make_user: Make, no_second_factor: None, target: str
) -> None:
    make_user("ana", Role.ANALYST)
    answer = web.post("/fr/login/", {"login": "ana", "password": PASSWORD, "next": target})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/fr/")


def test_demo_account_stays_out_of_a_real_database(web: Client, make_user: Make) -> None:
    user = make_user("ana", Role.ANALYST)
    type(user).objects.filter(pk=user.pk).update(is_demo=True)
    answer = _sign_in(web, "ana")
    assert answer["Location"] == "/fr/login/"
    assert web.get("/fr/account/").status_code == 302


def test_demo_accounts_are_refused_without_the_mark(db: None) -> None:
    with pytest.raises(NotADemo):
        ensure_demo_accounts(actor=SYSTEM, now=datetime.now(UTC))


@pytest.fixture
def demo_mark(monkeypatch: pytest.MonkeyPatch, db: None, no_second_factor: None):
    """A database that says it is a demo, served as one."""
    monkeypatch.setattr("fanal.accounts.operations.demo.has_demo_mark", lambda: True)
    demo.install(on=True)
    try:
        yield
    finally:
        demo.install(on=False)


@pytest.fixture
def demo_database(demo_mark: None):
    """The same, with its accounts."""
    return ensure_demo_accounts(actor=SYSTEM, now=datetime.now(UTC))


def test_every_role_of_the_demo_signs_in_by_one_click(web: Client, demo_database) -> None:
    body = web.get("/fr/login/").content.decode()
    played = set()
    for account in demo_database:
        assert f'value="{account.password}"' in body
        browser = Client(headers={"X-Forwarded-Proto": "https"})
        answer = _sign_in(browser, account.username, account.password)
        expected = landing.landing_path(frozenset({account.role}), language="fr")
        assert answer["Location"] == expected
        assert browser.get("/fr/account/").status_code == 200
        played.add(account.role)
    assert played == set(Role) - {Role.SYSTEM, Role.PUBLIC}
    roles = [account.role for account in demo_database]
    for two in (Role.ANALYST, Role.SUPERVISOR, Role.MEASURES_OFFICER):
        assert roles.count(two) == 2, "an act for two people is played by one newcomer"


def test_demo_is_made_once_and_renewed(demo_mark: None) -> None:
    from fanal.accounts.models import Habilitation, User

    now = datetime.now(UTC)
    for _ in range(2):
        made = ensure_demo_accounts(actor=SYSTEM, now=now - timedelta(days=350))
        assert User.objects.count() == Habilitation.objects.count() == len(made)
    ensure_demo_accounts(actor=SYSTEM, now=now)
    assert User.objects.count() == len(made)
    assert Habilitation.objects.count() == 2 * len(made)


def test_a_person_of_an_earlier_demo_becomes_one_that_is_played(
    monkeypatch: pytest.MonkeyPatch, db: None, no_second_factor: None
) -> None:
    """Hélène had a past there and no password."""
    monkeypatch.setattr("fanal.accounts.operations.demo.has_demo_mark", lambda: True)
    now = datetime.now(UTC)
    earlier = create_account(
        actor=SYSTEM, account=NewAccount(username="helene", name="Hélène Roussel"), now=now
    )
    demo.install(on=True)
    try:
        ensure_demo_accounts(actor=SYSTEM, now=now)
        browser = Client(headers={"X-Forwarded-Proto": "https"})
        answer = _sign_in(browser, "helene", "fanal-demo-helene")
        assert answer["Location"] == landing.landing_path({Role.SUPERVISOR}, language="fr")
    finally:
        demo.install(on=False)
    assert find_user(username="helene").person_id == earlier.person_id


def test_demo_account_is_refused_from_another_machine(demo_database) -> None:
    far = Client(headers={"X-Forwarded-Proto": "https"}, REMOTE_ADDR="198.51.100.9")
    answer = _sign_in(far, "ana", "fanal-demo-ana")
    assert answer["Location"] == "/fr/login/"
    assert far.get("/fr/account/").status_code == 302


def test_system_actor_is_no_account() -> None:
    assert find_user(username="system") is None
    assert system_actor("x").roles == {Role.SYSTEM}
