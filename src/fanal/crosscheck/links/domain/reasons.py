"""The weight of a reason of a link: its discount by document frequency, and the codes that explain it.

The texts of the codes are labels of the kind `link_because`. Separate from the compiled loops, so that pages
can show values and reasons without a compiler.
"""

from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from fanal.crosscheck.domain.cards import MARKS
from fanal.crosscheck.domain.records import CROSS, SAME, SIMILAR, LinkReason
from fanal.crosscheck.domain.weights import Mark, Weights, load_weights
from fanal.harmonise.domain.records import SelectorKind

# The two periods for which document frequency is counted: the last two months, and the last thirteen.

RECENT_MONTHS = 2
TOTAL_MONTHS = 13


def month_before(now: datetime, months: int) -> date:
    """Return the first day (UTC) of the month that lies `months` before the month of `now`."""
    instant = now.astimezone(UTC)
    index = instant.year * 12 + instant.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def recent_from(now: datetime) -> datetime:
    """Return the start (UTC) of the period in which occurrences of a value count as recent.

    It is the first day of the previous month.
    """
    day = month_before(now, RECENT_MONTHS - 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class ValueState(Struct, frozen=True):
    """Stored frequency state of a value.

    `step` counts the frequency steps passed; a step past the last makes the value a stop key: it names no
    person and links nobody. `hub`: it co-occurs with too many identities. `companions` are these identities,
    a weight-class number and four bytes of a key each; they are dropped once the value is a hub.
    """

    step: int = 0
    hub: bool = False
    companions: frozenset[bytes] = frozenset()


def step_of(mark: Mark, holders: int, weights: Weights) -> int:
    """Return the number of frequency steps that a value with `holders` reports has passed.

    `mark` is the weight class of the value; `weights` holds its steps. A value that is no person's and has
    more than `most_holders` passes one step more: it is a stop key, which links nobody.
    """
    weight = weights.mark[mark]
    if holders > weights.most_holders and not weight.person:
        return len(weight.steps) + 1
    return sum(holders >= bound for bound, _ in weight.steps)


def kept_by(mark: Mark, state: ValueState, weights: Weights) -> float | None:
    """Return the share of points (0..1) that a value keeps in a state; None if it links nobody (stop key).

    `mark` is the weight class of the value; `weights` holds the share of each frequency step and of a hub.
    """
    if state.hub:
        return weights.hub_share
    return ([1.0, *(share for _, share in weights.mark[mark].steps), None])[state.step]


# Whether an identifier is specific enough to be evidence by itself, from its document frequency.

KEEPS: Final = 0.5
"""Least share of points of a value that identifies a person; below it the value is a hub or too frequent."""
_MOST_OF_A_PLACE: Final = 30
_MARK_OF_KIND = {
    SelectorKind.PHONE: Mark.MOBILE,
    SelectorKind.ACCOUNT: Mark.WALLET,
    **{SelectorKind(mark.value): mark for mark in MARKS if mark.value in SelectorKind.__members__},
}


def tells(kind: SelectorKind, holders: int, *, hub: bool, weights: Weights) -> bool:
    """Return whether a value in `holders` reports is still specific: it keeps at least half its points.

    Kinds without a weight class (IP addresses, hosts) are specific up to 30 holders. `hub`: the value is a
    hub, which co-occurs with too many identities; `weights` holds the shares.
    """
    mark = _MARK_OF_KIND.get(kind)
    if mark is None:
        return holders <= _MOST_OF_A_PLACE
    state = ValueState(step_of(mark, holders, weights), hub=hub)
    return (kept_by(mark, state, weights) or 0.0) >= KEEPS


FILES = frozenset({"SHA256", "SHA1", "MD5", "PDQ"})
"""Kinds of the values of a file."""
_PAGES = frozenset({"URL", "ONION"})


def because_of(reason: LinkReason) -> str:
    """Return the code that explains the weight of a link's reason in words, such as `FILE_FREQUENT`."""
    if reason.kind == "LIKE":
        return f"LIKE_{reason.value}"
    if reason.kind in SIMILAR or reason.kind in {"APART", "ALONE", "TOGETHER"}:
        return reason.kind
    if reason.kind == "CONFLICT":
        return f"CONFLICT_{reason.value}"
    if reason.kind in {"NAME", "BIRTH", "IP"}:
        return f"{reason.kind}_DIFFERS" if reason.weight < 0 else f"{reason.kind}_SAME"
    if reason.kind in FILES or reason.kind in _PAGES:
        found = "FILE" if reason.kind in FILES else "PAGE"
        return f"{found}_SHARED" if reason.kept == 1 else f"{found}_FREQUENT"
    return _of_person(reason)


def _of_person(reason: LinkReason) -> str:
    if reason.kept == load_weights().hub_share:
        return "HUB"
    if reason.side == SAME:
        return "SUSPECT_AND_ASSOCIATED" if "ASSOCIATED" in reason.roles else "SUSPECT_BOTH"
    if reason.side == CROSS:
        return "SUSPECT_AND_TEXT"
    return "ROLE_SWAP" if set(reason.roles) == {"SUSPECT", "VICTIM"} else "OTHER_ROLES"
