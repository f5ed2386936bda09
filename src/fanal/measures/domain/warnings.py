"""Warnings to read before a removal request is submitted or approved. Pure: facts in, warnings out.

A warning does not block: the person who continues writes a reason. Addresses are compared by their key
(`harmonise.domain.values.urls`). A warning from another desk discloses only that a report or measure exists
there.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.harmonise.domain.values.urls import read_url
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.measures.domain.drafting import MAX_TEXT
from fanal.measures.domain.records import MeasureState, MeasureWarning, Request, WarningCode
from fanal.orient.domain.deciding import UNSTORABLE

_ROOT = re.compile(r"[^:/?#]+://[^/?#]*/*\??")
_SUBJECTS = 5
"""Maximum number of reports or measures, and of exact pages, in one warning."""
_OF_STATE = {
    MeasureState.APPROVED: WarningCode.MEASURE_RUNNING,
    MeasureState.SENT: WarningCode.MEASURE_RUNNING,
    MeasureState.RECEIVED: WarningCode.MEASURE_RUNNING,
    MeasureState.SUSPENDED: WarningCode.MEASURE_RUNNING,
    MeasureState.EXPIRED: WarningCode.MEASURE_RUNNING,
    MeasureState.EXECUTED: WarningCode.MEASURE_RUNNING,
    MeasureState.LIFTED: WarningCode.MEASURE_LIFTED,
    MeasureState.ANNULLED: WarningCode.MEASURE_ANNULLED,
    MeasureState.WITHDRAWN: WarningCode.MEASURE_WITHDRAWN,
}
_Said = tuple[WarningCode, UUID, UUID, int]
"""Warning code, key of the address, id of the report or measure behind it, and desk of that object."""


class Asked(Struct, frozen=True, kw_only=True):
    """A removal request to check for warnings, with the report that it follows and the desk of both."""

    desk_id: int
    report_id: UUID
    request: Request


class Lawful(Struct, frozen=True, kw_only=True):
    """A report that contains an address and was decided without further action by its desk.

    It gives a warning on a removal request for that address. `key` is the comparison key of the address
    (`target_key`).
    """

    key: UUID
    report_id: UUID
    desk_id: int


class Earlier(Struct, frozen=True, kw_only=True):
    """Another removal request for the same address, now or in an earlier revision.

    `measure_id` is that request, `key` the address's comparison key (`target_key`). `asked`: its current
    revision targets the address. `refused`: the last verdict on a revision with the address was a refusal.
    `replaced`: it was withdrawn by a new decision, not by a person. `ending`: the overseer recommended its
    end.
    """

    key: UUID
    measure_id: UUID
    desk_id: int
    state: MeasureState
    asked: bool
    refused: bool
    replaced: bool
    ending: bool


def target_key(address: str) -> UUID:
    """Return the key (digest) by which an address is compared with those of reports and of other requests."""
    return selector_key(SelectorKind.URL, read_url(address).key or address)


def is_whole_site(address: str) -> bool:
    """Return whether an address is the root of a site: no path and no query; a fragment is ignored."""
    return _ROOT.fullmatch(read_url(address).key or address) is not None


def warn(
    asked: Asked, *, pages: Sequence[str], lawful: Iterable[Lawful], earlier: Iterable[Earlier]
) -> tuple[MeasureWarning, ...]:
    """Return the warnings on a removal request (`asked`), in the order of `WarningCode`, then by desk.

    `pages` are the addresses of its report at the same host; `lawful` and `earlier` are the reports (decided
    without action) and measures with one of its addresses. Facts about other addresses and about the report
    itself are ignored. For the measure itself only a recommendation to end it gives a warning.
    """
    at: dict[UUID, list[str]] = {}
    for address in asked.request.targets:
        at.setdefault(target_key(address), []).append(address)
    found: dict[tuple[WarningCode, int | None], dict[str, set[UUID]]] = {}
    for code, key, subject, desk_id in (*_of_reports(asked, lawful), *_of_measures(asked, earlier)):
        own = desk_id == asked.desk_id
        named = found.setdefault((code, None if own else desk_id), {})
        for address in at.get(key, ()):
            named.setdefault(address, set()).update([subject] if own else [])
    said = [*_whole_sites(asked.request, pages)]
    said += [
        _warning(code, desk, addresses) for (code, desk), addresses in found.items() if addresses
    ]
    order = list(WarningCode)
    return tuple(sorted(said, key=lambda one: (order.index(one.code), one.desk_id or 0)))


def check_warned(warnings: Sequence[MeasureWarning], *, seen: Collection[str], reason: str) -> str:
    """Return the reason of a person who continues despite warnings, stripped; "" if there are no warnings.

    `seen` are the tokens of the warnings displayed to that person.

    Raises:
        Refusal: WARNINGS_CHANGED (one was not displayed), NO_REASON (no reason given), TEXT_UNREADABLE (a
            text is too long, or has a NUL or lone surrogate).
    """
    if not warnings:
        return ""
    if any(not one.tokens <= set(seen) for one in warnings):
        raise Refusal("measure", "WARNINGS_CHANGED")
    written = stripped(reason)
    if not written:
        raise Refusal("measure", "NO_REASON")
    if len(written) > MAX_TEXT or UNSTORABLE.search(written):
        raise Refusal("measure", "TEXT_UNREADABLE")
    return written


def _of_reports(asked: Asked, lawful: Iterable[Lawful]) -> Iterator[_Said]:
    for report in lawful:
        if report.report_id != asked.report_id:
            own = report.desk_id == asked.desk_id
            code = WarningCode.DECIDED_LAWFUL if own else WarningCode.DECIDED_ELSEWHERE
            yield code, report.key, report.report_id, report.desk_id


def _of_measures(asked: Asked, earlier: Iterable[Earlier]) -> Iterator[_Said]:
    for other in earlier:
        codes = _codes_of(other, itself=other.measure_id == asked.request.measure_id)
        if codes and other.desk_id != asked.desk_id:
            codes = [WarningCode.MEASURE_ELSEWHERE]
        for code in codes:
            yield code, other.key, other.measure_id, other.desk_id


def _codes_of(other: Earlier, *, itself: bool) -> list[WarningCode]:
    codes = []
    if other.refused:
        codes.append(WarningCode.MEASURE_REFUSED)
    elif other.asked and not (other.replaced and other.state is MeasureState.WITHDRAWN):
        codes += [code for code in (_OF_STATE.get(other.state),) if code]
    ending = [WarningCode.END_RECOMMENDED] if other.ending and other.asked else []
    return ending if itself else codes + ending


def _whole_sites(request: Request, pages: Sequence[str]) -> list[MeasureWarning]:
    roots = tuple(address for address in request.targets if is_whole_site(address))
    if not roots:
        return []
    exact = tuple(dict.fromkeys(page for page in pages if not is_whole_site(page)))[:_SUBJECTS]
    code = WarningCode.PAGE_KNOWN if exact else WarningCode.WHOLE_SITE
    return [MeasureWarning(code=code, addresses=roots, pages=exact)]


def _warning(
    code: WarningCode, desk_id: int | None, addresses: dict[str, set[UUID]]
) -> MeasureWarning:
    subjects = sorted(set().union(*addresses.values()), reverse=True)[:_SUBJECTS]
    return MeasureWarning(
        code=code, addresses=tuple(sorted(addresses)), subjects=tuple(subjects), desk_id=desk_id
    )
