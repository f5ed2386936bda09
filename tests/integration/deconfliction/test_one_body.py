"""A counterpart is one organisation through its keys: what is withheld from it, and its limits, stay."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError

from fanal.accounts.queries.people import actor_for, find_user
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction import queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart, RoundState
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.counterparts import (
    add_counterpart,
    close_counterpart,
    renew_counterpart,
    set_limits,
)
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.sharing.operations import withhold
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from tests.deconfliction_peer import Peer
from tests.integration.accounts.people import make_user
from tests.integration.deconfliction.rounds import state
from tests.integration.deconfliction.test_pages import browser, password_is_enough
from tests.integration.deconfliction.world import SYSTEM, holding, instructed, peer, register, rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
__all__ = ["password_is_enough"]
BOTH = "both@mail.example"
NARROW = limits.checked(kinds=["EMAIL"], roles=["SUSPECT"], desk_ids=[], months=2)


def asked(other: Peer) -> set[str]:
    """Return what the other desk learns by an offer of its guesses."""
    round_id = uuid4()
    receive(actor=SYSTEM, body=other.offer(round_id), now=clock.now())
    other.conclude(steps.answer(actor=SYSTEM, round_id=round_id, now=clock.now()))
    return {value for _, value in other.met}


def withheld_from(counterpart_id: UUID) -> None:
    dossier = dossier_of(actor=SYSTEM, report_id=holding("r-1", BOTH))
    dossier = dossier or dossier_of(actor=SYSTEM, report_id=holding("r-2", BOTH))
    assert dossier is not None
    analyst = make_user("ana", Role.ANALYST, at=clock.now())
    withhold(
        actor=actor_for(user=analyst, now=clock.now()), dossier_id=dossier, counterpart_id=counterpart_id, withheld=True,
        words="Before an arrest.", now=clock.now(),
    )  # fmt: skip


def renew(found: Counterpart, key: bytes, **more: str) -> None:
    renew_counterpart(
        actor=SYSTEM,
        counterpart_id=found.id,
        public_key=key,
        **{"name": found.name, "our_name": found.our_name, "contact": found.contact} | more,
        now=clock.now(),
    )


@pytest.mark.parametrize("closed", [False, True])
def test_a_new_key_keeps_what_is_withheld_and_the_limits(closed: bool) -> None:
    old = peer(BOTH)
    found = register(old)
    set_limits(actor=SYSTEM, counterpart_id=found.id, limits=NARROW, now=clock.now())
    withheld_from(found.id)
    assert asked(old) == set()
    if closed:
        close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    new = peer(BOTH)
    renew(found, new.public)
    again = queries.find_counterpart(name=found.name)
    assert (again.id, again.limits, again.public_key) == (found.id, NARROW, new.public)
    with pytest.raises(Refusal, match=r"^NO_INSTRUCTION$"):
        asked(new)  # two people approve comparisons under the new key
    instructed(new)
    assert asked(new) == set()
    with pytest.raises(Refusal, match=r"^SIGNATURE$"):
        asked(old)


def test_rounds_under_way_end_with_the_key() -> None:
    holding("r-1", BOTH)
    old = peer(BOTH)
    found = register(old)
    round_id, offer = steps.make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    theirs = uuid4()
    receive(actor=SYSTEM, body=old.offer(theirs), now=clock.now())
    new = peer(BOTH)
    renew(found, new.public)
    assert state(round_id) is state(theirs) is RoundState.REFUSED
    with pytest.raises(Refusal, match=r"^SIGNATURE$"):
        receive(actor=SYSTEM, body=old.answer(offer), now=clock.now())
    instructed(new)
    with pytest.raises(Refusal, match=r"^THEIR_KEY$"):  # a step that read the former key
        steps.make_offer(
            actor=SYSTEM, counterpart=msgspec.structs.replace(found, keyed_at=None), now=clock.now()
        )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"name": "SOUTH desk", "contact": "Other"},
        {"name": "South office"},  # renamed, at the same telephone
        {"name": "South-desk", "contact": "Other"},
        {"name": "Desk S0uth", "contact": "Other"},
    ],
)
def test_an_organisation_registered_before_is_not_registered_as_another(
    more: dict[str, str],
) -> None:
    old = peer(BOTH)
    found = register(old)
    withheld_from(found.id)
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    new = peer(BOTH)
    wanted = NewCounterpart(
        **{
            "name": found.name, "our_name": found.our_name, "contact": found.contact,
            "public_key": new.public,
        } | more
    )  # fmt: skip
    with pytest.raises(Refusal, match=r"^FORMER$"):
        add_counterpart(actor=SYSTEM, counterpart=wanted, now=clock.now())
    renew(found, new.public, **more)
    new.name = wanted.name
    instructed(new)
    assert asked(new) == set()


def test_a_person_says_that_it_is_another() -> None:
    found = register(peer(BOTH))
    withheld_from(found.id)
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    other = peer(BOTH)
    register(other, another=True)
    assert asked(other) == {BOTH}


def test_a_key_is_of_one_organisation_and_ends_once() -> None:
    first = peer(BOTH)
    found = register(first)
    second = peer(BOTH)
    renew(found, second.public)
    for key in (first.public, second.public):  # ended; in use
        with pytest.raises(Refusal, match=r"^FORMER_KEY$"):
            renew(found, key)
    west = NewCounterpart(name="West", our_name="Ours", contact="Duty", public_key=first.public)
    with pytest.raises(Refusal, match=r"^FORMER_KEY$"):
        add_counterpart(actor=SYSTEM, counterpart=west, another=True, now=clock.now())
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    renew(found, second.public)  # closed for a time, with the same key
    assert queries.find_counterpart(name=found.name).id == found.id
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    register(peer(BOTH), another=True)
    with pytest.raises(Refusal, match=r"^TAKEN$"):  # its name is in use
        renew(found, key)
    assert rows("SELECT count(*) FROM deconfliction_former_key") == [(1,)]


def test_a_key_dated_in_the_past_is_no_name_in_use() -> None:
    asked_for = NewCounterpart(name="W", our_name="O", contact="D", public_key=peer(BOTH).public)
    with pytest.raises(IntegrityError, match="dated when it is registered"):
        add_counterpart(actor=SYSTEM, counterpart=asked_for, now=clock.now() - timedelta(hours=1))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_pages_take_the_new_key_and_ask_who_it_is(language: str) -> None:
    found = register(peer(BOTH))
    withheld_from(found.id)
    supervisor = browser(make_user("claire", Role.SUPERVISOR, at=clock.now()))
    home = f"/{language}/desk/deconfliction/"
    page = f"{home}counterparts/{found.id}/"
    keys = [peer(BOTH).public.hex() for _ in range(3)]
    form = {"name": found.name, "our_name": found.our_name, "contact": "Other contact"}
    said = form | {"key": keys[0], "before": found.public_key.hex()}
    assert supervisor.post(f"{page}key/", said).status_code == 302
    assert supervisor.post(f"{page}key/", said | {"key": keys[1]}).status_code == 422, "of before"
    assert queries.find_counterpart(name=found.name).public_key.hex() == keys[0]
    assert supervisor.post(f"{page}close/").status_code == 302
    dossier = rows("SELECT dossier_id FROM deconfliction_withholding")[0][0]
    analyst = browser(find_user(username="ana"))
    text = analyst.get(f"/{language}/desk/dossiers/{dossier}/").content.decode()
    assert {"fr": "South desk (fermé)", "en": "South desk (closed)"}[language] in text
    new = form | {"key": keys[1], "name": "Renamed desk", "contact": "Third contact"}
    asks = supervisor.get(f"{home}counterparts/add/").content.decode()
    assert f'value="{found.id}"' in asks
    assert supervisor.post(f"{home}counterparts/add/", form | {"key": keys[1]}).status_code == 422
    answer = supervisor.post(f"{home}counterparts/add/", new | {"known": str(found.id)})
    assert answer.headers["Location"].endswith(f"/counterparts/{found.id}/")
    again = queries.find_counterpart(name="Renamed desk")
    assert (again.id, again.public_key.hex()) == (found.id, keys[1])
    text = analyst.get(f"/{language}/desk/dossiers/{dossier}/").content.decode()
    assert {"fr": "Non partagé avec Renamed desk", "en": "Not shared with Renamed desk"}[
        language
    ] in text
    other = form | {"key": keys[2], "known": "NO"}
    assert supervisor.post(f"{home}counterparts/add/", other).status_code == 302
    assert queries.find_counterpart(name=found.name).id != found.id


def test_no_other_counterpart_takes_over_a_name() -> None:
    """Else what is withheld from the one that has or had it would be compared with the other."""
    first = register(peer(BOTH))
    far = peer(BOTH)
    far.name = "Far bureau"
    second = register(far, contact="elsewhere")
    renew(first, peer(BOTH).public, name="Southern desk")
    close_counterpart(actor=SYSTEM, counterpart_id=first.id, now=clock.now())
    for name in (first.name, "Southern desk", "southern  Desk"):
        with pytest.raises(Refusal, match=r"^TAKEN$"):
            renew(second, peer(BOTH).public, name=name)
    renew(first, peer(BOTH).public)
    renew(second, peer(BOTH).public, name="Farther bureau")
