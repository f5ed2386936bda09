"""Cost of one new report against a growing number of earlier sightings, on a temporary PostgreSQL."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

import msgspec
import numpy as np
import psycopg

from benchmarks.crosscheck_truth import harmonised
from benchmarks.place import bench_home
from benchmarks.processes import server_process, waited_for_core
from benchmarks.truth.telling import Told
from benchmarks.truth.world import World
from fanal.config.databases import Databases
from fanal.crosscheck.domain.cards import Card, Value, card_of, key_of, pack_card
from fanal.harmonise.domain.records import HarmonisedReport, Selector, Source
from fanal.harmonise.domain.sightings import ROLE_CODES, selector_key
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.postgres import DatabaseRole

_BASE = 4_000
_MEASURED = 300
_WARM = 30
_ROOM = 700  # octets a sighting with its card and indexes
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def measure_new_reports(decades: Sequence[int], *, seed: int) -> dict[str, object]:
    """Return the cost of a new report at each number of earlier sightings in `decades`, ascending.

    Keys are `at_N`; values hold the fields of `Taken`, the real number of sightings, and `growth`: the ratio
    of `own_p99_ms` to that at the number before, None at the first. `seed` sets the random values.
    """
    told = World(_BASE + _MEASURED * len(decades), seed=seed).reports()
    order = np.random.default_rng(seed).permutation(len(told)).tolist()
    mixed = [told[place] for place in order]
    base, fresh = list(harmonised(mixed[:_BASE])), mixed[_BASE:]
    result: dict[str, object] = {}
    with bench_home(need_bytes=_ROOM * max(decades), role=DatabaseRole.WORKER) as databases:
        filled, copy, last = 0, 0, 0.0
        for turn, sightings in enumerate(decades):
            while filled < sightings:
                filled += _fill(databases, base, copy)
                copy += 1
            _analyse(databases)
            part = fresh[turn * _MEASURED : (turn + 1) * _MEASURED]
            taken = _time(part, turn)
            growth = round(taken.own_p99_ms / last, 2) if last else None
            result[f"at_{sightings}"] = {"sightings": filled, **taken._asdict(), "growth": growth}
            last = taken.own_p99_ms
    return result


def _fill(databases: Databases, base: Sequence[HarmonisedReport], copy: int) -> int:
    """Store copy number `copy` of the base reports, with other values; return the number of sightings.

    Copy 0 keeps its own values.
    """
    stamp = _FIRST + timedelta(hours=copy)
    rows = [_stored(report, new_id(stamp), copy) for report in base]
    with psycopg.connect(databases.url(DatabaseRole.OWNER)) as owner, owner.cursor() as cursor:
        with cursor.copy(
            "COPY harmonise_sighting (key, report_id, desk_id, role, weak) FROM STDIN"
        ) as sink:
            for report_id, _, keys in rows:
                for key, selector in keys:
                    sink.write_row((key, report_id, 1, ROLE_CODES[selector.role], selector.weak))
        with cursor.copy(
            "COPY crosscheck_card (report_id, desk_id, version, card) FROM STDIN"
        ) as sink:
            for report_id, card, _ in rows:
                sink.write_row((report_id, 1, "bench", card))
    return sum(len(keys) for _, _, keys in rows)


def _analyse(databases: Databases) -> None:
    """Update PostgreSQL's planner statistics of the filled tables, as autovacuum would in time."""
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        owner.execute("ANALYZE harmonise_sighting, crosscheck_card")


def _stored(
    report: HarmonisedReport, report_id: UUID, copy: int
) -> tuple[UUID, bytes, list[tuple[UUID, Selector]]]:
    keys = {}
    for selector in report.selectors:
        own = selector_key(selector.kind, selector.value)
        key = (
            own
            if copy == 0
            else UUID(bytes=blake2b(own.bytes + b"%d" % copy, digest_size=16).digest())
        )
        keys[key, selector.role] = (key_of(own), key_of(key), selector)
    moved = {old: new for old, new, _ in keys.values()}
    card = card_of(report)
    values = tuple(Value(moved[v.key], v.mark, v.role) for v in card.values)
    changed = Card(values, card.addresses, card.name, card.words, card.birth, card.has)
    return report_id, pack_card(changed), [(key, s) for (key, _), (_, _, s) in keys.items()]


class Taken(NamedTuple):
    """Milliseconds to cross-check one report, its commit included: median (`p50`), 99th percentile (`p99`).

    First elapsed time; `own`: without the time that this process and its PostgreSQL waited for a processor
    core; `cpu`: CPU time of this process alone.
    """

    p50_ms: float
    p99_ms: float
    own_p50_ms: float
    own_p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float


def _time(part: Sequence[Told], turn: int) -> Taken:
    """Return the cost of the reports `part`, cross-checked one by one with the product's own function.

    The first thirty are not counted. `turn`: number of the measurement, which gives the reports' dates.
    """
    from fanal.accounts import row_scope
    from fanal.crosscheck.operations.batch import crosscheck_batch
    from fanal.harmonise.operations.batch import harmonise_batch

    actor, now = system_actor("bench"), datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=turn)
    taken = []
    for number, one in enumerate(part):
        source = Source(
            report_id=new_id(now + timedelta(seconds=number)),
            desk_id=1,
            format="report/1",
            body=msgspec.json.encode(one.body),
        )
        with row_scope.across_desks():
            reports, _ = harmonise_batch(actor=actor, sources=[source], now=now)
            ours = os.getpid(), server_process()
            waited = waited_for_core(*ours)
            cpu, started = time.process_time(), time.perf_counter()
            crosscheck_batch(actor=actor, reports=reports, now=now)
            clock, cpu = time.perf_counter() - started, time.process_time() - cpu
            waited = waited_for_core(*ours) - waited
        taken.append((clock, clock - waited, cpu))
    columns = np.array(taken[_WARM:]).T * 1e3
    found = [round(float(np.percentile(column, p)), 2) for column in columns for p in (50, 99)]
    return Taken(*found)
