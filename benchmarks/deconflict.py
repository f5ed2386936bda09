"""`fanal bench deconflict`: a de-confliction round (private set intersection) against shared digests.

The peer is the naive method: both sides send HMACs of their identifiers under a shared key and look for equal
values. It is fast, and lets the other side try every possible identifier at the same rate.
"""

import hashlib
import hmac
import json
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import click

from fanal.deconfliction.domain import sets

_COMMON = 10
T = TypeVar("T")


@click.command("deconflict")
@click.option(
    "--size",
    type=click.IntRange(1, sets.MOST),
    default=10_000,
    show_default=True,
    help="Identifiers of each side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def deconflict(size: int, as_json: bool) -> None:
    """Run a deconfliction round of two sets of SIZE identifiers, a tenth of them shared, on one core."""
    common = max(1, size // _COMMON)
    ours = [_key("common", n) for n in range(common)] + [_key("a", n) for n in range(size - common)]
    theirs = [_key("common", n) for n in range(common)] + [
        _key("b", n) for n in range(size - common)
    ]
    found, times, shown = _round(ours, theirs)
    naive, naive_time = _timed(lambda: _shared_digests(ours, theirs))
    if not found == naive == common:
        raise click.ClickException("the two ways do not find the same")
    total = sum(times.values())
    result: dict[str, object] = {
        "bench": "deconflict",
        "size": size,
        "points_shown": shown,
        "common": found,
        **{f"{name}_s": round(seconds, 2) for name, seconds in times.items()},
        "both_sides_s": round(total, 2),
        "identifiers_per_s": round(2 * size / total),
        "bytes_on_the_wire": 3 * shown * sets.SIZE * 4 // 3,
        "naive_s": round(naive_time, 3),
        "naive_ratio": round(total / naive_time),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name}: {value}")


def _round(ours: list[bytes], theirs: list[bytes]) -> tuple[int, dict[str, float], int]:
    """Run a round between two sets of keys.

    Returns (number of common keys, CPU seconds by step, points sent by each side). A key has 16 bytes.

    Raises:
        click.ClickException: the two sides find different keys.
    """
    a, b, pair = sets.new_secret(), sets.new_secret(), hashlib.sha256(b"bench").digest()
    mine, offer = _timed(lambda: sets.lay_out(a, pair, ours))
    twice, again = _timed(lambda: sets.multiply_shown(b, mine.points))
    yours, laid = _timed(lambda: sets.lay_out(b, pair, theirs))
    met, conclude = _timed(lambda: sets.meet(a, mine, twice=twice, theirs=yours.points))
    taken, take = _timed(lambda: sets.keys_at(yours, met.places))
    if set(taken) != set(met.keys):
        raise click.ClickException("the two sides do not learn the same")
    times = {"offer": offer, "answer": again + laid, "conclude": conclude, "take": take}
    return len(taken), times, len(mine.points) // sets.SIZE


def _shared_digests(ours: list[bytes], theirs: list[bytes]) -> int:
    key = hashlib.sha256(b"shared").digest()
    sent = {hmac.digest(key, one, "sha256") for one in ours}
    return len(sent & {hmac.digest(key, one, "sha256") for one in theirs})


def _key(side: str, number: int) -> bytes:
    return hashlib.sha256(f"{side}/{number}".encode()).digest()[:16]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.process_time()
    return work(), time.process_time() - begun
