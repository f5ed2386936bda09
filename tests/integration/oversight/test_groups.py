"""One verdict for look-alikes: a row for each, all or nothing, and never on what nobody opened."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from fanal.casework.domain.records import Event
from fanal.casework.operations.acts import ActUnknown as MeasureUnknown
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry
from fanal.measures import queries
from fanal.measures.domain.oversight import Happening, MeasureLikeness, RecommendationKind
from fanal.measures.domain.records import Request
from fanal.measures.operations.drafts import approve_measure
from fanal.measures.operations.milestones import record_first_contact, record_sent
from fanal.measures.operations.oversight import (
    SessionUnknown,
    judge_group,
    note_in_session,
    start_session,
)
from tests.acceptance.oversight.people import user_as
from tests.acceptance.oversight.stories import every_state
from tests.integration.measures.stories import (
    NOW,
    OFFICER,
    OVERSEER,
    RECIPIENT,
    decide,
    measure,
)
from tests.integration.orient.people import person
from tests.unit.orient.items import url

END = RecommendationKind.END


def drawn(actor: Actor = OVERSEER) -> object:
    """A session over the measures that every story sent: all on one host, asked for alike."""
    every_state(NOW)
    session_id = start_session(actor=actor, size=10, now=NOW)
    return queries.get_session(actor=actor, session_id=session_id)


def judge(session: object, **values: object) -> int:
    facts = {
        "actor": OVERSEER,
        "session_id": session.id,
        "measure_ids": session.sample,
        "alike": MeasureLikeness.HOST,
        "kind": None,
        "words": "",
        "now": NOW,
    }
    return judge_group(**facts | values)


def read_one(session: object) -> None:
    note_in_session(
        actor=OVERSEER,
        session_id=session.id,
        what=Happening.SEEN,
        measure_id=session.sample[1],
        now=NOW,
    )


def happened(session: object, what: Happening) -> set[object]:
    found = queries.get_session(actor=OVERSEER, session_id=session.id)
    return set(found.measures(what))


def test_no_remark_on_a_group_is_a_row_for_each_and_shows_what_was_opened() -> None:
    session = drawn()
    assert len(session.sample) > 3
    with pytest.raises(Refusal, match="NONE_READ"):
        judge(session)
    read_one(session)
    assert judge(session) == len(session.sample)
    assert happened(session, Happening.AGREED) == set(session.sample)
    assert happened(session, Happening.SEEN) == {session.sample[1]}
    lines = LedgerEntry.objects.filter(action="oversight.note")
    assert lines.count() == len(session.sample) + 1
    assert judge(session) == 0, "a verdict that stands is not said twice"


def test_a_recommendation_on_a_group_is_one_on_each_with_its_own_answer_due() -> None:
    session = drawn()
    read_one(session)
    with pytest.raises(Refusal, match="NO_REASON"):
        judge(session, kind=END, words=" ")
    assert happened(session, Happening.RECOMMENDED) == set(), "all or nothing"
    two = session.sample[:2]
    assert judge(session, kind=END, words="gone", measure_ids=two) == 2
    assert judge(session, kind=END, words="gone", measure_ids=session.sample) == (
        len(session.sample) - 2
    )
    made = queries.list_recommendations(actor=OVERSEER, waiting=True)
    assert sorted(r.measure_id for r in made) == sorted(session.sample)


def test_what_does_not_look_alike_is_refused() -> None:
    elsewhere = "paintings.example"
    told = Event(happened_at=NOW - timedelta(days=60), proof="informed")
    record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=told, now=told.happened_at)
    [measure_id] = decide(host=elsewhere, urls=(url(f"https://{elsewhere}/1", elsewhere),)).opened[
        "measure"
    ]
    digest = measure(measure_id).digest
    approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    sent = Event(happened_at=NOW, proof="mail")
    record_sent(actor=OFFICER, measure_id=measure_id, event=sent, now=NOW)
    session = drawn()
    read_one(session)
    assert measure_id in session.sample
    with pytest.raises(Refusal, match="NOT_ALIKE"):
        judge(session)
    assert judge(session, alike=MeasureLikeness.GROUND) == len(session.sample)


def test_only_the_session_s_own_overseer_judges_its_own_sample() -> None:
    session = drawn()
    read_one(session)
    stranger = every_state(NOW)[3]
    with pytest.raises(MeasureUnknown):
        judge(session, measure_ids=[*session.sample, stranger])
    with pytest.raises(SessionUnknown):
        judge(session, actor=person(Role.OVERSEER))
    note_in_session(actor=OVERSEER, session_id=session.id, what=Happening.ENDED, now=NOW)
    with pytest.raises(SessionUnknown):
        judge(session)


@pytest.fixture
def overseer(installed_keys: None) -> Callable[[], tuple[Client, Actor]]:
    """A browser of an overseer, and who that is."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    try:
        user = user_as(Role.OVERSEER, "Quinn Qualified", now=clock.now())
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        yield client, person(Role.OVERSEER, person_id=user.person_id)
    finally:
        second_factor.install(required=True)


def test_the_page_groups_and_judges(overseer: tuple[Client, Actor]) -> None:
    client, actor = overseer
    session = drawn(actor)
    page = f"/en/oversight/sessions/{session.id}/"
    body = client.get(page).content.decode()
    assert "Read one of them first" in body
    assert 'name="verdict"' not in body
    client.get(f"/en/oversight/measures/{session.sample[0]}/")
    assert 'name="verdict"' in client.get(f"{page}?by=GROUND").content.decode()
    assert client.get(f"{page}?by=COLOR").status_code == 404
    ticked = {"by": "HOST", "verdict": "AGREED", "measure": [str(i) for i in session.sample[:3]]}
    assert client.post(f"{page}group/", ticked).status_code == 302
    body = client.get(page).content.decode()
    assert "The verdict is recorded for 3 measures." in body
    assert body.count("not opened") == 2
    nothing = client.post(f"{page}group/", ticked | {"measure": []}, follow=True)
    assert "Tick one measure at least." in nothing.content.decode()
    assert client.post(f"{page}group/", ticked | {"verdict": "BURN"}).status_code == 404


def test_likeness_is_never_of_the_host_alone() -> None:
    from fanal.casework.domain.records import Addressee
    from fanal.measures.domain.oversight import likeness_of
    from fanal.measures.domain.records import MeasureKind

    def request(**values: object) -> Request:
        facts = {
            "measure_id": OVERSEER.person_id,
            "revision": 1,
            "kind": MeasureKind.REMOVAL,
            "addressee": Addressee(),
            "host": "a.example",
            "targets": ("https://a.example/1", "https://a.example/2"),
            "basis": "LCEN 6-1",
            "basis_entry": "x",
            "offence": "CP 227-23",
            "offence_entry": "y",
        }
        return Request(**facts | values)

    one = request()
    for alike, values, same in (
        (MeasureLikeness.HOST, {"targets": ("https://a.example/9",)}, True),
        (MeasureLikeness.HOST, {"offence": "CP 227-24"}, False),
        (MeasureLikeness.HOST, {"host": "b.example"}, False),
        (MeasureLikeness.ADDRESSES, {"targets": one.targets[::-1]}, True),
        (MeasureLikeness.ADDRESSES, {"targets": one.targets[:1]}, False),
        (MeasureLikeness.GROUND, {"host": "b.example", "targets": ()}, True),
        (MeasureLikeness.GROUND, {"kind": MeasureKind.BLOCKING}, False),
    ):
        assert (likeness_of(one, alike) == likeness_of(request(**values), alike)) is same, values
