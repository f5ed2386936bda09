"""A whole rebuild of links on PostgreSQL: reading, computation, values that explain links, writing."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from benchmarks.place import bench_home
from benchmarks.truth.world import World
from fanal.harmonise.domain.records import Source
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.postgres import DatabaseRole

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_AT_ONCE = 500
_BYTES = 40_000  # of disk, a report


def measure_stored(size: int, *, seed: int) -> dict[str, object]:
    """Return the seconds of `operations.rebuild` over about `size` stored reports, in parts, by name.

    `load_s` and `store_s` are the waiting times for PostgreSQL, in statements that read and that write; the
    rest is the computation, and the reading of records for the values that reasons name.
    """
    told = World(size, seed=seed).reports()
    with bench_home(need_bytes=_BYTES * size, role=DatabaseRole.WORKER):
        from django.db import connection

        from fanal.accounts import row_scope
        from fanal.crosscheck.operations.batch import crosscheck_batch
        from fanal.crosscheck.operations.rebuild import rebuild
        from fanal.harmonise.operations.batch import harmonise_batch

        actor = system_actor("bench")
        sources = [
            Source(
                report_id=new_id(_NOW + timedelta(seconds=place)),
                desk_id=1,
                format="report/1",
                body=msgspec.json.encode(one.body),
            )
            for place, one in enumerate(told)
        ]
        waited: defaultdict[str, float] = defaultdict(float)
        with row_scope.across_desks():
            for start in range(0, len(sources), _AT_ONCE):
                part = sources[start : start + _AT_ONCE]
                records, _ = harmonise_batch(actor=actor, sources=part, now=_NOW)
                crosscheck_batch(actor=actor, reports=records, now=_NOW)
            with connection.execute_wrapper(_watch(waited)):
                started = time.perf_counter()
                done = rebuild(actor=actor, now=_NOW)
                taken = time.perf_counter() - started
    return {
        "reports": done.reports,
        "links": done.links,
        "rebuild_s": round(taken, 2),
        "load_s": round(waited["SELECT"], 2),
        "store_s": round(sum(waited.values()) - waited["SELECT"], 2),
        "rest_s": round(taken - sum(waited.values()), 2),
    }


def _watch(waited: defaultdict[str, float]) -> Callable[..., object]:
    """Return a Django execute wrapper that adds the seconds of each statement to `waited`, by SQL verb."""

    def watch(
        execute: Callable[..., object], sql: str, params: object, many: bool, context: object
    ) -> object:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            waited[sql.split(maxsplit=1)[0]] += time.perf_counter() - started

    return watch
