"""Batches written to a real PostgreSQL, and read again: nothing lost, nothing doubled."""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import pytest
from django.db import ProgrammingError, connection, transaction

from fanal.accounts.domain.policy import Refused
from fanal.harmonise import queries
from fanal.harmonise.domain.records import SelectorKind, SelectorRole, Source
from fanal.harmonise.domain.redaction.reporter import restore
from fanal.harmonise.domain.sightings import selector_key
from fanal.harmonise.operations.batch import harmonise_batch, reveal_reporter
from fanal.harmonise.operations.identity import erase
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.kernel.ids import new_id
from tests.actors import desk_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")


def analyst(*desks: int, role: Role = Role.ANALYST) -> Actor:
    return desk_actor(person_id=uuid.uuid4(), roles={role}, desks=desks)


def source(
    body: dict[str, object],
    *,
    desk_id: int | None = 1,
    received_at: datetime = NOW,
    report_id: uuid.UUID | None = None,
) -> Source:
    whole = {"reference": f"r-{uuid.uuid4()}", "kind": "GROOMING", **body}
    return Source(
        report_id=report_id or new_id(received_at),
        desk_id=desk_id,
        format="report/1",
        body=msgspec.json.encode(whole),
    )


def write(*sources: Source) -> list[uuid.UUID]:
    reports, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
    assert failures == []
    return [report.report_id for report in reports]


def handles(*names: str, role: str = "SUSPECT") -> dict[str, object]:
    found = [{"platform": "Snapchat", "value": name} for name in names]
    return {"persons": [{"role": role, "handles": found}]}


def rows(statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


FULL: dict[str, object] = {
    "emergency": True,
    "occurred_at": "2026-11-20",
    "language": "fr",
    "channel": "GAME",
    "platform": "Roblox",
    "place": {"country": "ph", "locality": "Angeles"},
    "urls": ["hxxp://bad[.]example[.]test/a?utm_source=x#f"],
    "description": "Rencontré à l'école « Été », écrit à someone@mail.example\tligne\n2 \\ fin",
    "conversation": [{"speaker": "A", "at": "2026-11-20T21:00:00Z", "text": "insta: @other_9"}],
    "persons": [
        {
            "role": "SUSPECT",
            "handles": [{"platform": "Roblox", "value": "Bad_One"}],
            "phones": ["0917 123 4567"],
            "ips": [{"value": "203.0.113.7", "port": 40122, "at": "2026-11-20T21:14:00+01:00"}],
        },
        {"role": "REPORTER", "name": "Zoé Martin", "emails": ["zoe.martin@mail.example"]},
    ],
    "files": [{"md5": hashlib.md5(b"x").hexdigest()}],
}


def test_a_full_report_comes_back_as_it_was_harmonised() -> None:
    one = source(FULL)
    reports, failures = harmonise_batch(actor=SYSTEM, sources=[one], now=NOW)
    assert failures == []
    read = queries.get_records(actor=SYSTEM, report_ids=[one.report_id])
    assert read == {one.report_id: reports[0]}
    kept = rows(
        "SELECT desk_id, revision, emergency, kind, channel, language, country,"
        " occurred_from, occurred_until FROM harmonise_record WHERE report_id = %s",
        [one.report_id],
    )
    assert kept == [
        (
            1,
            1,
            True,
            "GROOMING",
            "GAME",
            "fr",
            "PH",
            datetime(2026, 11, 19, 23, tzinfo=UTC),
            datetime(2026, 11, 20, 22, 59, 59, tzinfo=UTC),
        )
    ]


def test_each_selector_of_a_report_is_one_sighting_with_instant_and_port() -> None:
    one = source(FULL)
    reports, _ = harmonise_batch(actor=SYSTEM, sources=[one], now=NOW)
    keys = {selector_key(s.kind, s.value): s for s in reports[0].selectors}
    found = queries.get_sightings(actor=SYSTEM, keys=list(keys))
    seen = {(key, s.role) for key, page in found.items() for s in page.newest}
    assert seen == {(selector_key(s.kind, s.value), s.role) for s in reports[0].selectors}
    address = found[selector_key(SelectorKind.IP, "203.0.113.7")].newest[0]
    assert (address.at, address.port) == ("2026-11-20T20:14:00Z", 40122)
    assert address.role is SelectorRole.SUSPECT


def test_reporter_is_in_no_row_and_comes_back_by_a_named_act() -> None:
    one = source({**FULL, "description": "Zoé Martin a écrit de zoe.martin@mail.example"})
    write(one)
    stored = queries.get_records(actor=SYSTEM, report_ids=[one.report_id])[one.report_id]
    record = msgspec.json.encode(msgspec.structs.replace(stored, description=None))
    assert b"Martin" not in record
    assert b"zoe" not in record
    assert queries.search_text(actor=analyst(1), text="Martin") == []
    assert queries.search_text(actor=analyst(1), text="écrit") == [one.report_id]
    key = selector_key(SelectorKind.EMAIL, "zoe.martin@mail.example")
    assert queries.get_sightings(actor=SYSTEM, keys=[key]) == {}
    identity = reveal_reporter(actor=SYSTEM, sources=[one])[one.report_id]
    assert restore(stored, identity).persons[1].name == "Zoé Martin"


def test_one_poisoned_report_does_not_sink_its_batch() -> None:
    good, other = source(handles("one")), source(handles("two"))
    poison = [
        Source(report_id=new_id(NOW), desk_id=1, format="report/1", body=b"\xff\xfe not json"),
        Source(report_id=new_id(NOW), desk_id=1, format="no-such", body=b"{}"),
        source(handles("three"), desk_id=None),
    ]
    reports, failures = harmonise_batch(actor=SYSTEM, sources=[good, *poison, other], now=NOW)
    assert [report.report_id for report in reports] == [good.report_id, other.report_id]
    assert [failure.report_id for failure in failures] == [one.report_id for one in poison]
    assert failures[2].code == "DESK_MISSING"
    assert "not json" not in str(failures)


def test_harmonising_again_adds_a_revision_and_moves_sightings_by_the_difference() -> None:
    first = source(handles("Old_One", "kept_one"))
    write(first)
    again = msgspec.structs.replace(
        source(handles("kept_one", "new_one")), report_id=first.report_id
    )
    write(again)
    revisions = queries.get_revisions(actor=SYSTEM, report_id=first.report_id)
    assert [revision.revision for revision, _ in revisions] == [1, 2]
    newest = queries.get_records(actor=SYSTEM, report_ids=[first.report_id])[first.report_id]
    assert newest == revisions[1][1]
    seen = {
        name: queries.get_selector_history(
            actor=SYSTEM, kind=SelectorKind.HANDLE, value=f"{name}@snapchat"
        ).count
        for name in ("old_one", "kept_one", "new_one")
    }
    assert seen == {"old_one": 0, "kept_one": 1, "new_one": 1}


def test_the_same_batch_twice_doubles_no_sighting() -> None:
    batch = [source(FULL) for _ in range(3)]
    write(*batch)
    before = rows("SELECT key, report_id, role FROM harmonise_sighting ORDER BY 1, 2, 3")
    write(*batch)
    assert rows("SELECT key, report_id, role FROM harmonise_sighting ORDER BY 1, 2, 3") == before


def test_a_report_given_twice_in_a_batch_is_written_once() -> None:
    one = source(handles("twin"))
    write(one, one)
    assert rows("SELECT count(*) FROM harmonise_record") == [(1,)]


def test_shared_rows_come_newest_first_and_twice_for_two_roles() -> None:
    name = {"platform": "Snapchat", "value": "same_one9"}
    both = [{"role": role, "handles": [name]} for role in ("SUSPECT", "VICTIM")]
    first, last = (
        source({"persons": both}, received_at=NOW + timedelta(minutes=n)) for n in range(2)
    )
    alone = source(handles("alone_7"), received_at=NOW)
    write(last, alone, first)
    wanted = [
        selector_key(SelectorKind.HANDLE, f"{name}@snapchat").bytes
        for name in ("alone_7", "same_one9")
    ]
    (found,) = queries.get_shared_rows(actor=SYSTEM, keys=wanted)
    assert [(row[0], uuid.UUID(bytes=row[1])) for row in found] == [
        (1, report.report_id) for report in (last, last, first, first)
    ]


def test_texts_that_a_copy_could_trip_on_survive() -> None:
    hostile = "\\N \\. \t\n\r \\x41 ' \" % %s {} ; -- \u202e \u0085 𝔘"
    one = source(
        {
            "description": hostile,
            "platform": hostile,
            "language": hostile,
            "urls": [f"https://example.test/{hostile}"],
            "persons": [
                {
                    "role": "SUSPECT",
                    "handles": [{"value": hostile, "platform": hostile}],
                    "devices": [hostile],
                }
            ],
        }
    )
    write(one)
    record = queries.get_records(actor=SYSTEM, report_ids=[one.report_id])[one.report_id]
    assert (record.description, record.platform, record.language) == (hostile,) * 3
    keys = [selector_key(s.kind, s.value) for s in record.selectors]
    assert set(queries.get_sightings(actor=SYSTEM, keys=keys)) == set(keys)


def test_a_report_of_another_month_goes_to_its_partition() -> None:
    old = source(handles("long_ago"), received_at=NOW - timedelta(days=400))
    ancient = source(handles("ancient"), received_at=datetime(2001, 1, 1, tzinfo=UTC))
    write(old, ancient)
    found = queries.get_records(actor=SYSTEM, report_ids=[old.report_id, ancient.report_id])
    assert set(found) == {old.report_id, ancient.report_id}


class TestDesks:
    def test_an_analyst_reaches_the_desk_of_the_habilitation_only(self) -> None:
        mine, other = source(handles("shared_x"), desk_id=1), source(handles("shared_x"), desk_id=2)
        write(mine, other)
        ids = [mine.report_id, other.report_id]
        assert set(queries.get_records(actor=analyst(1), report_ids=ids)) == {mine.report_id}
        key = selector_key(SelectorKind.HANDLE, "shared_x@snapchat")
        page = queries.get_sightings(actor=analyst(1), keys=[key])[key]
        assert [s.report_id for s in page.newest] == [mine.report_id]
        assert queries.get_revisions(actor=analyst(1), report_id=other.report_id) == []

    def test_across_desks_only_existence_shows(self) -> None:
        mine = source(handles("shared_x"), desk_id=1)
        others = [source(handles("shared_x"), desk_id=2) for _ in range(3)]
        write(mine, *others)
        key = selector_key(SelectorKind.HANDLE, "shared_x@snapchat")
        assert queries.seen_elsewhere(actor=analyst(1), keys=[key]) == {key: frozenset({2})}
        with pytest.raises(Refused):
            queries.count_sightings(actor=analyst(1), keys=[key])
        assert queries.count_sightings(actor=SYSTEM, keys=[key], most=3) == {key: 3}

    def test_search_never_shows_another_desks_value(self) -> None:
        write(source({**handles("secret_y"), "description": "mot singulier"}, desk_id=2))
        assert queries.search_selectors(actor=analyst(1), text="secret_y") == []
        assert queries.search_text(actor=analyst(1), text="singulier") == []
        assert len(queries.search_selectors(actor=analyst(2), text="secret_y")) == 1

    @pytest.mark.parametrize(
        "role", [Role.ADMINISTRATOR, Role.STATISTICIAN, Role.PARTNER, Role.PUBLIC]
    )
    def test_roles_without_content_right_reach_nothing(self, role: Role) -> None:
        one = source({**handles("seen_z"), "description": "mot"})
        write(one)
        actor = analyst(1, role=role)
        key = selector_key(SelectorKind.HANDLE, "seen_z@snapchat")
        assert queries.get_records(actor=actor, report_ids=[one.report_id]) == {}
        assert queries.get_revisions(actor=actor, report_id=one.report_id) == []
        assert queries.get_sightings(actor=actor, keys=[key]) == {}
        assert queries.seen_elsewhere(actor=actor, keys=[key]) == {}
        assert queries.search_selectors(actor=actor, text="seen_z@snapchat") == []
        assert queries.search_text(actor=actor, text="mot") == []

    def test_only_the_system_writes(self) -> None:
        with pytest.raises(Refused):
            harmonise_batch(actor=analyst(1), sources=[], now=NOW)
        with pytest.raises(Refused):
            erase(actor=analyst(1), report_ids=[])
        with pytest.raises(Refused):
            reveal_reporter(actor=analyst(1), sources=[])


class TestSearch:
    def test_exact_value_comes_first_then_what_begins_with_it(self) -> None:
        write(
            source(handles("wolf", "wolf_two")), source(handles("wolf")), source(handles("other"))
        )
        found = queries.search_selectors(actor=analyst(1), text="wolf@snapchat")
        assert [(f.value, f.count) for f in found] == [("wolf@snapchat", 2)]
        begun = queries.search_selectors(actor=analyst(1), text="wol")
        assert [f.value for f in begun] == ["wolf@snapchat", "wolf_two@snapchat"]

    @pytest.mark.parametrize(
        "typed",
        ["renard_77@snapchat", "RENARD_77@Snapchat", "Renard_7", "@Renard_77", "ＲＥＮＡＲＤ"],
    )
    def test_an_identifier_is_found_in_any_case(self, typed: str) -> None:
        write(source(handles("Renard_77")))
        found = queries.search_selectors(actor=analyst(1), text=typed)
        assert [f.value for f in found] == ["renard_77@snapchat"]

    @pytest.mark.parametrize("path", ["AbC/d", "abc/d", "ABC"])
    def test_an_address_is_found_in_any_case_and_keeps_its_own(self, path: str) -> None:
        write(source({"urls": ["https://Pictures.example/AbC/d"]}))
        text = f"HTTPS://pictures.example/{path}"
        found = queries.search_selectors(actor=analyst(1), text=text, kinds=[SelectorKind.URL])
        assert [f.value for f in found] == ["https://pictures.example/AbC/d"]

    def test_wildcards_of_the_database_are_plain_text(self) -> None:
        write(source(handles("a_b", "axb", "a%b")))
        assert [f.value for f in queries.search_selectors(actor=analyst(1), text="a_b")] == [
            "a_b@snapchat"
        ]
        assert [f.value for f in queries.search_selectors(actor=analyst(1), text="a%")] == [
            "a%b@snapchat"
        ]
        assert queries.search_selectors(actor=analyst(1), text="a\\") == []
        assert queries.search_selectors(actor=analyst(1), text="a\x00") == []

    def test_a_fingerprint_is_found_whole(self) -> None:
        digest = hashlib.sha256(b"picture").hexdigest()
        write(source({"files": [{"sha256": digest}]}))
        found = queries.search_selectors(actor=analyst(1), text=digest, kinds=[SelectorKind.SHA256])
        assert [f.value for f in found] == [digest]

    def test_words_without_accents_and_case_and_by_their_beginning(self) -> None:
        one = source({"description": "Le garçon a été contacté par Jean-Éloïse kid_77"})
        write(one)
        for text in ("garcon", "GARÇON contacte", "jean-eloise", "contac", "kid_77", "eloise"):
            assert queries.search_text(actor=analyst(1), text=text) == [one.report_id], text
        for text in ("fille", "garcon fille", "", "  ", "& | !", "'", "\\", ":*", "\x00"):
            assert queries.search_text(actor=analyst(1), text=text) == [], text

    def test_pages_go_from_new_to_old(self) -> None:
        reports = [
            source({**handles("paged"), "description": "mot"}, received_at=NOW - timedelta(hours=h))
            for h in range(5)
        ]
        write(*reports)
        ids = [one.report_id for one in reports]
        first = queries.search_text(actor=analyst(1), text="mot", limit=2)
        assert first == ids[:2]
        assert (
            queries.search_text(actor=analyst(1), text="mot", limit=9, before=first[-1]) == ids[2:]
        )
        page = queries.get_selector_history(
            actor=SYSTEM, kind=SelectorKind.HANDLE, value="paged@snapchat", limit=3
        )
        assert [s.report_id for s in page.newest] == ids[:3]
        assert (page.count, page.bounded) == (3, True)
        rest = queries.get_selector_history(
            actor=SYSTEM,
            kind=SelectorKind.HANDLE,
            value="paged@snapchat",
            before=page.newest[-1].report_id,
        )
        assert [s.report_id for s in rest.newest] == ids[3:]


class TestErase:
    def test_erasing_leaves_nothing_of_the_report_and_all_of_the_others(self) -> None:
        gone, kept = source(handles("both_a", "only_b")), source(handles("both_a"))
        write(gone, kept)
        write(msgspec.structs.replace(source(handles("revised_c")), report_id=gone.report_id))
        erased = erase(actor=SYSTEM, report_ids=[gone.report_id])
        assert (erased.records, erased.texts, erased.sightings) == (2, 1, 1)
        assert erased.selectors == 2
        for table in ("record", "sighting", "text"):
            left = rows(f"SELECT DISTINCT report_id FROM harmonise_{table}")
            assert left == [(kept.report_id,)]
        assert rows("SELECT value FROM harmonise_selector") == [("both_a@snapchat",)]

    def test_erasing_again_or_what_never_was_is_harmless(self) -> None:
        one = source(handles("x_y"))
        write(one)
        erase(actor=SYSTEM, report_ids=[one.report_id])
        again = erase(actor=SYSTEM, report_ids=[one.report_id, new_id(NOW)])
        assert (again.records, again.sightings, again.selectors, again.texts) == (0, 0, 0, 0)
        assert erase(actor=SYSTEM, report_ids=[]).records == 0


def test_values_are_looked_up_by_their_index_when_written_and_when_erased() -> None:
    """A statement whose expression is not the index's reads every value of the country for each new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO harmonise_selector (key, kind, value)"
            " SELECT gen_random_uuid(), 'HANDLE', 'Somebody' || n FROM generate_series(1, 5000) n"
        )
    (report_id,) = write(source(handles("Mila", "Nour", "Sacha")))
    erase(actor=SYSTEM, report_ids=[report_id])
    [(read,)] = rows(
        "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'harmonise_selector'"
    )
    assert read < 1000  # a few looks at some rows are no reading of all 5 000


@pytest.mark.role("intake")
@pytest.mark.parametrize("table", ["record", "selector", "sighting", "text"])
def test_a_public_node_reads_no_row_of_this_stage(table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        rows(f"SELECT 1 FROM harmonise_{table}")


@pytest.mark.django_db(transaction=True)
def test_writers_of_the_same_values_at_the_same_time_lose_and_double_nothing() -> None:
    """Two threads write batches that share every selector, while a third erases: no deadlock."""
    shared = [handles(*(f"common_{n}" for n in range(i, i + 20))) for i in range(10)]
    batches = [[source(body) for body in order] for order in (shared, shared[::-1])]
    doomed = write(*(source(body) for body in shared))

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            connection.close()

    acts = [
        *(partial(write, *batch) for batch in batches),
        partial(erase, actor=SYSTEM, report_ids=doomed),
    ]
    with ThreadPoolExecutor(max_workers=len(acts)) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result(timeout=60)
    assert rows("SELECT count(*) FROM harmonise_record") == [(20,)]
    assert rows("SELECT count(*) FROM harmonise_sighting") == [(400,)]
    orphans = "SELECT count(*) FROM harmonise_sighting s LEFT JOIN harmonise_selector v USING (key)"
    assert rows(f"{orphans} WHERE v.key IS NULL") == [(0,)]
    found = queries.search_selectors(actor=analyst(1), text="common_", limit=100)
    assert len({f.key for f in found}) == len(found) == 29
