"""Queries on payers: the scored payers of a desk, and a single payer with all known transfers."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.payments.domain.scoring import Payer, PayerFilter, PayerLine, score_payers
from fanal.analyse.payments.domain.transfers import Paid, paid_in
from fanal.db import sql
from fanal.db.sql import plain_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor

REPORTS_OF_PAYER = 200
"""Most reports of a payer that are read, the newest; the page says if there are more."""
_COUNTED = 100  # largest number of payers counted for a beneficiary
_COLUMNS = (
    "payer, desk_id, report_id, score, typology, suspected, codes, countries, transfers, beneficiaries,"
    " total, first_at, last_at, rule_version, scored_at"
)
_FILTER = (
    " WHERE (%(desks)s::int[] IS NULL OR desk_id = ANY(%(desks)s::int[]))"
    " AND (%(suspected)s::boolean IS NULL OR suspected = %(suspected)s)"
    " AND (%(typology)s = '' OR typology = %(typology)s)"
    " AND (%(code)s = '' OR %(code)s = ANY(codes))"
    " AND (%(country)s = '' OR %(country)s = ANY(countries))"
)


class PayersBeside(Struct, frozen=True, kw_only=True):
    """The other payers of the beneficiaries in a batch of payments, at one desk.

    `senders` is the number of payers by beneficiary, given by the digest of its key (`PayingParty.id`);
    `until` is the time of the desk's latest transfer, the end of its data, None without any.
    """

    senders: dict[UUID, int]
    until: datetime | None


def list_payers(
    *, actor: Actor, filters: PayerFilter, offset: int = 0, limit: int = 50
) -> list[PayerLine]:
    """Return a page of the payers at the actor's desks that match a filter, highest score first.

    Of equal scores, the payer with the newest transfer comes first. The page has at most `limit` payers,
    after the first `offset`.
    """
    found = sql.rows(
        f"SELECT {_COLUMNS} FROM analyse_payer{_FILTER}"  # noqa: S608 - columns of this module
        " ORDER BY score DESC, last_at DESC NULLS LAST, payer OFFSET %(offset)s LIMIT %(limit)s",
        {**_given(actor, filters), "offset": offset, "limit": limit},
    )
    return [_line(row) for row in found]


def count_payers(*, actor: Actor, filters: PayerFilter) -> int:
    """Return the number of payers at the actor's desks that match a filter."""
    row = sql.one(
        f"SELECT count(*) FROM analyse_payer{_FILTER}",  # noqa: S608 - text of this module
        _given(actor, filters),
    )
    return int(row[0])


def get_payer(*, actor: Actor, payer: UUID, now: datetime) -> Payer | None:
    """Return a payer, scored now from the newest reports (at most 200) that the actor may read.

    None if the payer is unknown, or the reports have expired. A payer known at several of the actor's desks
    is shown with the data of the first desk.
    """
    bounds = reach(actor, "report.read")
    desks = None if bounds.everywhere else sorted(bounds.desk_ids)
    rows: list[tuple[int, UUID]] = sql.rows(
        "SELECT desk_id, report_id FROM analyse_paid WHERE payer = %(payer)s"
        " AND (%(desks)s::int[] IS NULL OR desk_id = ANY(%(desks)s::int[]))"
        " GROUP BY desk_id, report_id ORDER BY desk_id, report_id DESC LIMIT %(limit)s",
        {"payer": payer, "desks": desks, "limit": REPORTS_OF_PAYER + 1},
    )
    if not rows:
        return None
    desk_id = rows[0][0]
    ids = [report_id for desk, report_id in rows[:REPORTS_OF_PAYER] if desk == desk_id]
    return _payer(actor, payer, desk_id=desk_id, ids=ids, now=now)


def payers_of(*, actor: Actor, report_id: UUID) -> list[PayerLine]:
    """Return the payers at the actor's desks with transfers in a report, highest score first, at most 20."""
    found = sql.rows(
        f"SELECT {_COLUMNS} FROM analyse_payer p{_FILTER}"  # noqa: S608 - columns of this module
        " AND EXISTS (SELECT FROM analyse_paid d WHERE d.report_id = %(report)s"
        " AND d.payer = p.payer AND d.desk_id = p.desk_id) ORDER BY score DESC, payer LIMIT 20",
        {**_given(actor, PayerFilter()), "report": report_id},
    )
    return [_line(row) for row in found]


def reports_paying(*, desk_id: int, payers: Iterable[UUID], limit: int) -> dict[UUID, list[UUID]]:
    """Return by payer (`PayingParty.id`) the newest `limit` reports with transfers of the payer at a desk.

    The newest come first; a payer without reports has no key.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.payer, r.report_id FROM unnest(%s::uuid[]) AS p (payer), LATERAL ("
            " SELECT DISTINCT report_id FROM analyse_paid WHERE desk_id = %s AND payer = p.payer"
            " ORDER BY report_id DESC LIMIT %s) r",
            [uuid_array(payers), desk_id, limit],
        )
        found: dict[UUID, list[UUID]] = {}
        for payer, report_id in cursor.fetchall():
            found.setdefault(payer, []).append(report_id)
    return found


def beside(*, desk_id: int, beneficiaries: Sequence[UUID], now: datetime) -> PayersBeside:
    """Return the number of payers of each beneficiary at a desk, and the time of the desk's latest
    transfer.

    `beneficiaries` are their ids (`PayingParty.id`). Payers are counted up to 100. Transfers dated after
    `now` are ignored for the latest one, since their date must be wrong.
    """
    found = sql.rows(
        "SELECT b.id, count(*) FROM unnest(%s::uuid[]) AS b (id), LATERAL (SELECT DISTINCT payer"
        " FROM analyse_paid WHERE desk_id = %s AND beneficiary = b.id LIMIT %s) s GROUP BY b.id",
        [uuid_array(beneficiaries), desk_id, _COUNTED],
    )
    counts: dict[UUID, int] = dict(found)
    row = sql.row(
        "SELECT max(last_at) FROM analyse_paid WHERE desk_id = %s AND last_at <= %s",
        [desk_id, now],
    )
    return PayersBeside(senders=counts, until=row[0] if row else None)


def payers_to(*, desk_id: int, beneficiaries: Iterable[UUID], limit: int) -> list[UUID]:
    """Return at most `limit` payers who paid any of these beneficiaries at a desk, in order of id.

    Payers and beneficiaries are given by the digest `PayingParty.id`.
    """
    found = sql.rows(
        "SELECT DISTINCT payer FROM analyse_paid WHERE desk_id = %s"
        " AND beneficiary = ANY(%s::uuid[]) ORDER BY payer LIMIT %s",
        [desk_id, uuid_array(beneficiaries), limit],
    )
    return [row[0] for row in found]


def _payer(
    actor: Actor, payer: UUID, *, desk_id: int, ids: list[UUID], now: datetime
) -> Payer | None:
    typologies = load_typologies()
    records = harmonised.get_records(actor=actor, report_ids=ids)
    transfers: list[Paid] = []
    reports: dict[UUID, UUID] = {}
    for report_id in sorted(records):
        for paid in paid_in(records[report_id], typologies.rates):
            if paid.sender.id() == payer:
                transfers.append(paid)
                reports.setdefault(paid.id, report_id)
    keys = {paid.beneficiary.id(): paid.beneficiary.key for paid in transfers}
    known = beside(desk_id=desk_id, beneficiaries=list(keys), now=now)
    senders = {keys[key]: count for key, count in known.senders.items()}
    scores = score_payers(transfers, typologies, senders=senders, until=known.until)
    if not scores:  # the reports have expired
        return None
    (score,) = scores
    return Payer(
        payer=payer,
        desk_id=desk_id,
        score=score,
        report_ids=tuple(sorted(records, reverse=True)),
        reports=reports,
        bounded=len(ids) >= REPORTS_OF_PAYER,
    )


def _given(actor: Actor, filters: PayerFilter) -> dict[str, str | bool | int | UUID | None]:
    bounds = reach(actor, "report.read")
    desks = None if bounds.everywhere else plain_array(str(d) for d in sorted(bounds.desk_ids))
    return {
        "desks": desks,
        "suspected": filters.suspected,
        "typology": filters.typology,
        "code": filters.code,
        "country": filters.country,
    }


def _line(row: Sequence[object]) -> PayerLine:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=True))
    for name in ("codes", "countries"):
        values[name] = tuple(values[name])  # type: ignore[arg-type]
    return PayerLine(**values)  # type: ignore[arg-type]
