"""Every change of every row is seen and named; so are the seven operations on rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from fanal.ledger.domain import canonical
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.domain.verify import (
    Code,
    LedgerProblem,
    NumberedRow,
    check_pending,
    check_rollback,
    verify_places,
)
from tests.unit.ledger.ledgers import (
    KEY,
    START,
    Ledger,
    chain_of,
    checkpoint_of,
    renumber,
    stored_entry,
)

LINK_HASHES = ("leaf_hash", "prev_hash", "chain_hash")


def around(ledger: Ledger, changed: NumberedRow) -> list[LedgerProblem]:
    """Verify a window of three rows around a changed one: what a full pass does there.

    The chain of the window is entered with a gap, so the hash before it counts as known.
    """
    index = changed.link.seq - 1
    window = [
        *ledger.places[max(0, index - 1) : index],
        changed,
        *ledger.places[index + 1 : index + 2],
    ]
    found = verify_places(window, checkpoints=[], digest_key=KEY).problems
    first = window[0].link.seq
    return [p for p in found if not (p.code is Code.DELETED and p.seq == 1 and first > 1)]


def flipped(value: bytes, position: int, bit: int) -> bytes:
    return value[:position] + bytes([value[position] ^ 1 << bit]) + value[position + 1 :]


def test_a_whole_ledger_has_no_problem(ledger: Ledger) -> None:
    found = ledger.verify()
    assert (found.size, found.checkpoints, found.problems) == (500, 5, [])
    assert found.root == ledger.checkpoints[-1].root


@pytest.mark.long
class TestEveryBit:
    def test_of_every_body_is_named_body(self, ledger: Ledger) -> None:
        """All bytes of 500 rows, every bit of the first ten."""
        for index, place in enumerate(ledger.places):
            assert place.entry is not None
            body, link = place.entry.body, place.link
            for position in range(len(body)):
                for bit in range(8) if index < 10 else [(index + position) % 8]:
                    other = flipped(body, position, bit)
                    leaf = canonical.leaf_hash(
                        body=other, db_at=link.recorded_at, writer=place.entry.writer
                    )
                    assert leaf != link.leaf_hash
            middle = replace(place, entry=replace(place.entry, body=flipped(body, 40, index % 8)))
            assert around(ledger, middle) == [
                LedgerProblem(code=Code.CHANGED, field="body", seq=link.seq, entry_id=link.entry_id)
            ]

    @pytest.mark.parametrize("name", LINK_HASHES)
    def test_of_every_hash_is_named(self, ledger: Ledger, name: str) -> None:
        for index, place in enumerate(ledger.places):
            value: bytes = getattr(place.link, name)
            for position in range(32) if index < 40 else [index % 32]:
                changed = replace(
                    place,
                    link=replace(place.link, **{name: flipped(value, position, index % 8)}),
                )
                found = around(ledger, changed)
                assert [(p.code, p.field, p.seq) for p in found] == [
                    (Code.CHANGED, name, place.link.seq)
                ], (name, place.link.seq)

    @pytest.mark.parametrize("name", ["id", "actor_id"])
    def test_of_every_id_is_named(self, ledger: Ledger, name: str) -> None:
        for place in ledger.places[:100]:
            assert place.entry is not None
            value: UUID = getattr(place.entry, name)
            for bit in range(place.link.seq % 8, 128, 8):
                entry = replace(place.entry, **{name: UUID(int=value.int ^ 1 << bit)})
                found = around(ledger, replace(place, entry=entry))
                assert name in {p.field for p in found}
                assert {(p.code, p.seq) for p in found} == {(Code.CHANGED, place.link.seq)}

    @pytest.mark.parametrize("name", ["at", "db_at"])
    def test_of_every_instant_is_named(self, ledger: Ledger, name: str) -> None:
        for place in ledger.places[:100]:
            assert place.entry is not None
            for bit in range(40):
                moved = getattr(place.entry, name) + timedelta(microseconds=1 << bit)
                found = around(ledger, replace(place, entry=replace(place.entry, **{name: moved})))
                assert [(p.code, p.field, p.seq) for p in found] == [
                    (Code.CHANGED, name, place.link.seq)
                ]

    @pytest.mark.parametrize("name", ["recorded_at", "numbered_at"])
    def test_of_every_instant_of_the_chain_is_named(self, ledger: Ledger, name: str) -> None:
        for place in ledger.places[1:100]:
            for bit in range(40):
                moved = getattr(place.link, name) + timedelta(microseconds=1 << bit)
                found = around(ledger, replace(place, link=replace(place.link, **{name: moved})))
                assert [(p.code, p.field, p.seq) for p in found] == [
                    (Code.CHANGED, name, place.link.seq)
                ]

    @pytest.mark.parametrize("name", ["action", "verb"])
    def test_of_every_word_is_named(self, ledger: Ledger, name: str) -> None:
        for place in ledger.places[:50]:
            assert place.entry is not None
            value: str = getattr(place.entry, name)
            for position in range(len(value)):
                other = flipped(value.encode(), position, position % 6).decode()
                found = around(ledger, replace(place, entry=replace(place.entry, **{name: other})))
                assert [(p.code, p.field, p.seq) for p in found] == [
                    (Code.CHANGED, name, place.link.seq)
                ]

    def test_of_every_motive_and_object_is_named(self, ledger: Ledger) -> None:
        for place in ledger.places:
            entry = place.entry
            assert entry is not None
            objects = entry.objects or ()
            changes: list[tuple[str, dict[str, object]]] = [
                ("motive", {"motive": None if entry.motive else "put in"})
            ]
            if entry.motive:
                changes.append(("motive", {"motive": entry.motive + " "}))
            extra = ObjectRef(kind="report", id=UUID(int=5))
            changes.append(("objects", {"objects": (*objects, extra)}))
            for n, ref in enumerate(objects):
                for other in (
                    structs.replace(ref, id=UUID(int=ref.id.int ^ 1)),
                    structs.replace(ref, kind="person"),
                    structs.replace(ref, digest=b"other"),
                ):
                    kept = (*objects[:n], other, *objects[n + 1 :])
                    changes.append(("objects", {"objects": kept}))
                changes.append(("objects", {"objects": objects[:n] + objects[n + 1 :]}))
            for name, change in changes:
                found = around(ledger, replace(place, entry=replace(entry, **change)))
                assert [(p.code, p.field, p.seq) for p in found] == [
                    (Code.CHANGED, name, place.link.seq)
                ]

    def test_objects_in_another_order_are_the_same(self, ledger: Ledger) -> None:
        place = ledger.places[3]
        assert place.entry is not None
        assert place.entry.objects
        turned = replace(place.entry, objects=place.entry.objects[::-1])
        assert not around(ledger, replace(place, entry=turned))


def facts(problems: list[LedgerProblem]) -> list[tuple[Code, str, int | None, int | None]]:
    return [(p.code, p.field, p.seq, p.seq_to) for p in problems]


class TestRowOperations:
    def test_a_deleted_row_of_the_chain(self, ledger: Ledger) -> None:
        places = ledger.places[:249] + ledger.places[250:]
        assert facts(ledger.verify(places).problems) == [(Code.DELETED, "seq", 250, None)]

    def test_a_deleted_run_of_rows(self, ledger: Ledger) -> None:
        places = ledger.places[:249] + ledger.places[260:]
        assert facts(ledger.verify(places).problems) == [(Code.DELETED, "seq", 250, 260)]

    def test_a_deleted_entry(self, ledger: Ledger) -> None:
        places = [*ledger.places]
        places[249] = replace(places[249], entry=None)
        assert facts(ledger.verify(places).problems) == [(Code.DELETED, "entry", 250, None)]

    def test_a_deleted_row_whose_gap_was_closed(self, ledger: Ledger) -> None:
        rest = [renumber(p, p.link.seq - 1) for p in ledger.places[250:]]
        found = ledger.verify(ledger.places[:249] + rest).problems
        assert (Code.DELETED, "seq", 250, None) in facts(found)

    def test_an_inserted_row(self, ledger: Ledger) -> None:
        extra = chain_of([stored_entry(i) for i in range(600, 850)])[-1]
        forged = replace(
            renumber(extra, 250),
            link=replace(
                extra.link,
                seq=250,
                prev_hash=ledger.places[248].link.chain_hash,
                chain_hash=canonical.chain_hash(
                    seq=250,
                    numbered_at=extra.link.numbered_at,
                    prev_hash=ledger.places[248].link.chain_hash,
                    leaf=extra.link.leaf_hash,
                ),
            ),
        )
        rest = [renumber(p, p.link.seq + 1) for p in ledger.places[249:]]
        found = ledger.verify([*ledger.places[:249], forged, *rest]).problems
        assert (Code.INSERTED, "seq", 250, None) in facts(found)

    def test_two_numbers_exchanged(self, ledger: Ledger) -> None:
        places = [*ledger.places]
        one, two = places[99], places[299]
        places[99], places[299] = renumber(two, 100), renumber(one, 300)
        found = facts(ledger.verify(places).problems)
        assert (Code.REORDERED, "seq", 100, None) in found
        assert (Code.REORDERED, "seq", 300, None) in found

    def test_two_entries_exchanged(self, ledger: Ledger) -> None:
        places = [*ledger.places]
        one, two = places[99], places[299]
        places[99] = NumberedRow(
            link=replace(one.link, entry_id=two.link.entry_id), entry=two.entry
        )
        places[299] = NumberedRow(
            link=replace(two.link, entry_id=one.link.entry_id), entry=one.entry
        )
        assert facts(ledger.verify(places).problems) == [
            (Code.REORDERED, "entry_id", 100, None),
            (Code.REORDERED, "entry_id", 300, None),
        ]

    def test_a_cut_tail(self, ledger: Ledger) -> None:
        assert facts(ledger.verify(ledger.places[:450]).problems) == [
            (Code.TRUNCATED, "seq", 451, 500)
        ]

    @pytest.mark.parametrize(
        "change",
        [
            lambda e: [*e[:249], stored_entry(900), *e[250:]],
            lambda e: [*e[:249], *e[250:], stored_entry(900)],
            lambda e: [*e[:249], stored_entry(900), *e[249:499]],
            lambda e: [*e[:249], e[250], e[249], *e[251:]],
        ],
        ids=["edit", "delete", "insert", "swap"],
    )
    def test_a_chain_rebuilt_whole_is_located_between_checkpoints(
        self, ledger: Ledger, change: Callable[[list[object]], list[object]]
    ) -> None:
        entries = change([p.entry for p in ledger.places])
        found = ledger.verify(chain_of(entries))  # type: ignore[arg-type]
        assert facts(found.problems)[0] == (Code.REWRITTEN, "root", 201, 300)

    def test_a_rollback_is_seen_by_the_copy_outside(self, ledger: Ledger) -> None:
        stored, outside = ledger.checkpoints[:3], ledger.checkpoints
        assert [p.seq for p in check_rollback(stored=stored, outside=outside)] == [400, 500]
        assert not check_rollback(stored=outside, outside=stored)

    def test_a_fork_is_seen_by_the_copy_outside(self, ledger: Ledger) -> None:
        forked = checkpoint_of(chain_of([stored_entry(i) for i in range(1, 501)]))
        found = check_rollback(stored=[forked], outside=[ledger.checkpoints[-1]])
        assert facts(found) == [(Code.ROLLED_BACK, "checkpoint", 500, None)]


class TestPending:
    def test_an_entry_may_wait_a_minute(self) -> None:
        waiting = [(UUID(int=1), START), (UUID(int=2), START + timedelta(seconds=1))]
        now = START + timedelta(seconds=61)
        assert [p.entry_id for p in check_pending(waiting, now=now)] == [UUID(int=1)]
        assert not check_pending(waiting, now=START + timedelta(seconds=60))


def test_an_expired_motive_is_no_change(ledger: Ledger) -> None:
    place = ledger.places[1]
    assert place.entry is not None
    assert place.entry.motive
    without = [
        ledger.places[0],
        replace(place, entry=replace(place.entry, motive=None)),
        *ledger.places[2:],
    ]
    late = START + timedelta(days=1)
    found = verify_places(without, checkpoints=[], digest_key=KEY, motives_kept_from=late)
    assert not found.problems
    early = verify_places(without, checkpoints=[], digest_key=KEY, motives_kept_from=START)
    assert facts(early.problems) == [(Code.CHANGED, "motive", 2, None)]
