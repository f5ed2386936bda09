"""The directory of addressees on PostgreSQL: versions, two people for an address, imports, what is proposed."""

import json
from datetime import date
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.measures.addressees.acts import confirm_entry, import_entries, write_entry
from fanal.measures.addressees.csv_file import read_rows
from fanal.measures.addressees.records import Entry, EntryState, Field, Kind, NewEntry
from fanal.measures.addressees.views import get_entry, list_entries, proposals_for, versions_of
from tests.actors import desk_actor
from tests.integration.measures.stories import ANALYST, NOW, OFFICER
from tests.known import known
from tests.refusals import CHECK, FOREIGN_KEY, NO_RIGHT, database_refuses

pytestmark = pytest.mark.django_db


def _person(number: int, role: Role) -> Actor:
    return known(desk_actor(person_id=UUID(int=number), roles={role}, desks={1}))


OTHER, SUPERVISOR = _person(0x7E57A, Role.MEASURES_OFFICER), _person(0x7E57B, Role.SUPERVISOR)
HOST = {
    "KIND": "HOST", "NAME": "Example Host", "CONTACT_POINT": "orders@host.example",
    "LANGUAGE": "en", "DOMAIN": "host.example",
}  # fmt: skip
VERSION = (
    "INSERT INTO measures_addressee (id, version, closed, facts, author_id, written_at)"
    " VALUES (%s, %s, false, %s, %s, now())"
)
SECOND = (
    "INSERT INTO measures_addressee_second (addressee_id, version, second_id, seconded_at)"
    " VALUES (%s, %s, %s, now())"
)
FILE = b"kind,name,contact_point,domains,source,source_date\n"


def stated(*, closed: bool = False, **changed: str) -> NewEntry:
    values = {Field(f): tuple(v.split("|")) for f, v in (HOST | changed).items() if v}
    return NewEntry(values=values, source="Notice", dated_on=date(2026, 11, 20), closed=closed)


def write(
    actor: Actor = OFFICER, *, to: UUID | None = None, closed: bool = False, **changed: str
) -> UUID:
    version = entry_of(to).newest.version if to else 0
    return write_entry(
        actor=actor,
        entry=stated(closed=closed, **changed),
        now=NOW,
        addressee_id=to,
        version=version,
    )


def confirm(addressee_id: UUID, actor: Actor = SUPERVISOR) -> None:
    version = entry_of(addressee_id).newest.version
    confirm_entry(actor=actor, addressee_id=addressee_id, version=version, now=NOW)


def entry_of(addressee_id: UUID) -> Entry:
    found = get_entry(actor=ANALYST, addressee_id=addressee_id)
    assert found is not None
    return found


def proposed(host: str = "pictures.host.example") -> list[tuple[str, str]]:
    found = proposals_for(actor=OFFICER, hosts=[host], kinds=[Kind.HOST, Kind.EDITOR])
    return [(one.name, one.contact) for one in found]


def test_an_address_is_proposed_once_a_second_person_confirmed_it() -> None:
    made = write()
    assert entry_of(made).state is EntryState.WAITING
    assert proposed() == []
    confirm(made)
    assert entry_of(made).state is EntryState.CONFIRMED
    assert proposed() == [("Example Host", "orders@host.example")]
    assert proposed("elsewhere.example") == []
    assert proposals_for(actor=OFFICER, hosts=[], kinds=[Kind.ISP]) == []
    entries = ledger.entries_of(actor=SUPERVISOR, object_id=made)
    assert {(e.action, e.actor_id) for e in entries} == {
        ("addressee.change", OFFICER.person_id),
        ("addressee.confirm", SUPERVISOR.person_id),
    }


def test_a_changed_address_waits_and_the_confirmed_one_stays_in_use() -> None:
    made = write()
    confirm(made)
    write(to=made, CONTACT_POINT="orders@elsewhere.example")
    assert entry_of(made).state is EntryState.WAITING
    assert proposed() == [("Example Host", "orders@host.example")]
    confirm(made)
    assert proposed() == [("Example Host", "orders@elsewhere.example")]
    moved = {"CONTACT_POINT": "orders@elsewhere.example"}
    write(to=made, **moved, LANGUAGE="fr|en", TERRITORY="FR", USER_POINT="help@host.example")
    assert entry_of(made).state is EntryState.CONFIRMED, "these need no second person"


@pytest.mark.parametrize(
    "changed",
    [
        {"NAME": "Victim Hosting", "DOMAIN": "host.example|victim.example"},
        {"DOMAIN": "host.example|victim.example", "CONTACT_POINT": "orders@two.example"},
        {"PREFIX": "192.0.2.0/24"},
        {"KIND": "HOST|ISP"},
    ],
)
def test_one_person_leads_no_measure_to_a_confirmed_address(changed: dict[str, str]) -> None:
    made = write()
    confirm(made)
    write(to=made, **changed)
    assert entry_of(made).state is EntryState.WAITING
    assert proposed("victim.example") == proposed("192.0.2.1") == []
    assert proposed() == [("Example Host", "orders@host.example")]
    assert proposals_for(actor=OFFICER, hosts=[], kinds=[Kind.ISP]) == []
    confirm(made)
    assert entry_of(made).state is EntryState.CONFIRMED
    named = proposed("victim.example")
    assert bool(named) == ("victim.example" in changed.get("DOMAIN", ""))


def test_a_name_that_is_dropped_leads_nowhere_at_once() -> None:
    made = write(DOMAIN="host.example|sold.example")
    confirm(made)
    write(to=made, DOMAIN="host.example")
    assert entry_of(made).state is EntryState.WAITING
    assert proposed("sold.example") == []
    assert proposed() == [("Example Host", "orders@host.example")]


def test_a_withdrawn_address_returns_by_two_people_only() -> None:
    made = write()
    confirm(made)
    for gone in ({"closed": True}, {"CONTACT_POINT": ""}):
        write(to=made, **gone)
        write(to=made, LANGUAGE="fr")
        assert (entry_of(made).state, proposed()) == (EntryState.WAITING, [])
        with pytest.raises(Refusal, match="SAME_PERSON"):
            confirm(made, OFFICER)
        confirm(made)
        assert proposed() == [("Example Host", "orders@host.example")]


def test_no_public_suffix_is_a_domain_and_no_name_looks_like_another() -> None:
    for suffix in ("co.uk", "github.io", "example"):
        with pytest.raises(Refusal, match="DOMAIN"):
            write(DOMAIN=suffix)
    write()
    for name in ("Ex\u0430mple Host", "EXAMPLE-HOST", "Example Host."):
        with pytest.raises(Refusal, match="NAME_TAKEN"):
            write(NAME=name, DOMAIN="two.example")


def test_nobody_confirms_an_address_of_their_own() -> None:
    made = write()
    with pytest.raises(Refusal, match="SAME_PERSON"):
        confirm(made, OFFICER)
    write(OTHER, to=made, DOMAIN="host.example|two.example")
    with pytest.raises(Refusal, match="SAME_PERSON"):  # the address still is theirs
        confirm(made, OFFICER)
    for actor in (ANALYST, desk_actor(person_id=SYSTEM_PERSON, roles={Role.SYSTEM}, desks=())):
        with pytest.raises(Refused):
            confirm_entry(actor=actor, addressee_id=made, version=2, now=NOW)
    with pytest.raises(Refusal, match="CHANGED"):
        confirm_entry(actor=SUPERVISOR, addressee_id=made, version=1, now=NOW)
    confirm(made)
    with pytest.raises(Refusal, match="NOT_WAITING"):
        confirm(made)


def test_nothing_is_proposed_of_a_closed_entry_or_a_withdrawn_address() -> None:
    made = write()
    confirm(made)
    write(to=made, closed=True)
    assert (entry_of(made).state, proposed()) == (EntryState.CLOSED, [])
    with pytest.raises(Refusal, match="NOT_WAITING"):
        confirm(made)
    write(to=made)
    assert (entry_of(made).state, proposed()) == (EntryState.WAITING, [])
    write(to=made, CONTACT_POINT="")
    assert (entry_of(made).state, proposed()) == (EntryState.NO_ADDRESS, [])


def test_who_may_write_and_what_is_refused() -> None:
    made = write()
    with pytest.raises(Refused):
        write(ANALYST)
    with pytest.raises(Refusal, match="NAME_TAKEN"):
        write(NAME="EXAMPLE  host")
    with pytest.raises(Refusal, match="UNCHANGED"):
        write(OTHER, to=made)
    with pytest.raises(Refusal, match="CHANGED"):
        write_entry(actor=OTHER, entry=stated(NAME="x"), now=NOW, addressee_id=made, version=2)
    with pytest.raises(Refusal, match="NOT_FOUND"):
        write_entry(actor=OTHER, entry=stated(), now=NOW, addressee_id=uuid4(), version=1)
    assert [one.author_id for one in versions_of(actor=ANALYST, addressee_id=made)] == [
        OFFICER.person_id
    ]


def test_the_list_is_searched_by_value_kind_and_state() -> None:
    made = write()
    write(NAME="Access", KIND="ISP", DOMAIN="access.example", CONTACT_POINT="")
    confirm(made)

    def names(**asked: object) -> list[str]:
        return [one.name for one in list_entries(actor=ANALYST, **asked)]  # type: ignore[arg-type]

    assert names() == ["Access", "Example Host"]
    assert names(text="ORDERS@") == ["Example Host"]
    assert names(kind=Kind.ISP) == ["Access"]
    assert names(state=EntryState.CONFIRMED) == ["Example Host"]


def test_an_import_is_whole_or_nothing_and_may_be_repeated() -> None:
    made = write()
    good = b"HOST,example host,,host.example|new.example,RDAP,2026-11-21\n"
    bad = b"HOST,Bad,nobody,,RDAP,2026-11-21\nHOST,Example HOST,,,RDAP,2026-11-21\nISP,Last,,,,2026-11-21\n"
    refused = import_entries(actor=OTHER, rows=read_rows(FILE + good + bad), now=NOW)
    assert refused.faults == ((3, "CONTACT_POINT"), (4, "REPEATED"), (5, "SOURCE"))
    assert [one.newest.version for one in list_entries(actor=ANALYST)] == [1]
    new = b"ISP|HOST,Access,orders@access.example,,RDAP,2026-11-21\n"
    done = import_entries(actor=OTHER, rows=read_rows(FILE + good + new), now=NOW)
    assert (done.added, done.changed, done.unchanged) == (1, 1, 0)
    again = import_entries(actor=OTHER, rows=read_rows(FILE + good + new), now=NOW)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    newest = entry_of(made).newest
    assert newest.value(Field.CONTACT_POINT) == "orders@host.example", (
        "an empty cell leaves what is known"
    )
    assert newest.values(Field.DOMAIN) == ("host.example", "new.example")
    assert newest.author_id == OTHER.person_id
    with pytest.raises(Refused):
        import_entries(actor=ANALYST, rows=read_rows(FILE + new), now=NOW)


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_the_database_holds_the_two_people_and_the_order_of_versions() -> None:
    made = write()
    write(OTHER, to=made, DOMAIN="two.example")
    person, facts = SUPERVISOR.person_id, [
        {"field": f, "value": v, "source": "s", "dated_on": "2026-12-01", "checked": False}
        for f, v in HOST.items()
    ]  # fmt: skip
    same, facts = (
        facts,
        [one | {"value": "Two"} if one["field"] == "NAME" else one for one in facts],
    )
    for statement, values in (
        (SECOND, [made, 2, OTHER.person_id]),
        (SECOND, [made, 2, OFFICER.person_id]),
        (SECOND, [made, 1, person]),
        (SECOND, [made, 2, SYSTEM_PERSON]),
        (SECOND, [made, 2, ANALYST.person_id]),
        (VERSION, [made, 3, json.dumps(facts), ANALYST.person_id]),
        (VERSION, [uuid4(), 1, json.dumps(same), person]),
        *(
            (VERSION, [uuid4(), 1, json.dumps([*facts, facts[0] | odd]), person])
            for odd in (
                {"field": "DOMAIN", "value": "COM."},
                {"field": "EMAIL", "value": "a@host.example\n=cmd"},
                {"field": "OTHER_NAME", "value": "a\tb"},
            )
        ),
        (VERSION, [made, 4, json.dumps(facts), person]),
        (VERSION, [made, 2, json.dumps(facts), person]),
        (VERSION, [uuid4(), 2, json.dumps(facts), person]),
        (VERSION, [uuid4(), 1, json.dumps(facts), SYSTEM_PERSON]),
        (VERSION, [uuid4(), 1, json.dumps({}), person]),
        (VERSION, [uuid4(), 1, json.dumps([]), person]),
        (VERSION, [uuid4(), 1, json.dumps(facts + facts), person]),
        (VERSION, [uuid4(), 1, json.dumps([*facts, {"field": "EMAIL"}]), person]),
        (VERSION, [uuid4(), 1, json.dumps([*facts, facts[0] | {"field": "ELSE"}]), person]),
        (VERSION, [uuid4(), 1, json.dumps([facts[0] | {"value": 7}, *facts[1:]]), person]),
        (VERSION, [uuid4(), 1, json.dumps([facts[0] | {"dated_on": "soon"}, *facts[1:]]), person]),
    ):
        with database_refuses(CHECK):
            run(statement, *values)
    with database_refuses("22008"):  # datetime_field_overflow
        never = json.dumps([facts[0] | {"dated_on": "2026-02-30"}, *facts[1:]])
        run(VERSION, uuid4(), 1, never, person)
    with database_refuses(FOREIGN_KEY):
        run(SECOND, uuid4(), 1, person)
    for statement in (
        "UPDATE measures_addressee SET closed = true",
        "DELETE FROM measures_addressee",
        "UPDATE measures_addressee_second SET version = 1",
        "DELETE FROM measures_addressee_second",
    ):
        with database_refuses(NO_RIGHT):
            run(statement)
    run(VERSION, uuid4(), 1, json.dumps(facts), person)
    run(SECOND, made, 2, person)


def test_a_confirmation_ends_with_the_next_version_of_an_address() -> None:
    """Whoever wrote a version before the last confirmation may confirm the next one."""
    made = write()
    confirm(made)
    write(SUPERVISOR, to=made, CONTACT_POINT="orders@two.example")
    confirm(made, OFFICER)
    assert proposed() == [("Example Host", "orders@two.example")]
    assert entry_of(made).newest.seconded_at == NOW
