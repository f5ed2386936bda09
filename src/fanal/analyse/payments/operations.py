"""Store the payments of analysed reports, and score again every payer that they affect.

A payer is scored per desk, from that desk's reports.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct, field

from fanal.analyse.payments.domain.indicators import Typologies
from fanal.analyse.payments.domain.scoring import Around, PayerScore, score_payers
from fanal.analyse.payments.domain.transfers import Paid, paid_in
from fanal.analyse.payments.queries import beside, payers_to, reports_paying
from fanal.db import sql
from fanal.db.sql import text_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor

_NOBODY = UUID(int=0)
"""Id of an unknown beneficiary."""
_REPORTS = 50
"""Most earlier reports of a payer read with a new report, the newest."""
_TOUCHED = 200
"""Most earlier payers rescored in a batch because their beneficiary became a common one."""


class _Desk(Struct, kw_only=True):
    """The transfers of a desk's reports: those of the batch (`own`) and earlier ones (`earlier`), by report.

    `earlier` are all transfers of earlier reports of the payers to be scored: those in the batch, and payers
    to a beneficiary who has just become, or ceased to be, common.
    """

    desk_id: int
    own: dict[UUID, list[Paid]] = field(default_factory=dict)
    earlier: dict[UUID, list[Paid]] = field(default_factory=dict)

    def every(self) -> list[Paid]:
        """Return all transfers of the desk, those of the batch being analysed first."""
        return [p for group in (*self.own.values(), *self.earlier.values()) for p in group]


def note_payments(
    *, actor: Actor, reports: Sequence[HarmonisedReport], typologies: Typologies, now: datetime
) -> dict[UUID, Around]:
    """Record the payments in `reports`, score their payers, and return the known payments around each report.

    The result is by report id; a report without payments or without a known desk has no key. Runs in the
    transaction of the analysis. A replay replaces the earlier rows of a report. `typologies` are the rules of
    the scores.

    Raises:
        Refused: the actor is not the system.
    """
    paying = [report for report in reports if report.payments]
    if not paying:
        return {}
    desks = harmonised.get_desks(actor=actor, report_ids=[r.report_id for r in paying])
    groups: dict[int, _Desk] = {}
    for report in paying:
        if (desk_id := desks.get(report.report_id)) is not None:
            group = groups.setdefault(desk_id, _Desk(desk_id=desk_id))
            group.own[report.report_id] = paid_in(report, typologies.rates)
    around: dict[UUID, Around] = {}
    for group in groups.values():
        around |= _note(actor, group, typologies, now=now)
    return around


def forget_payments(*, report_ids: Sequence[UUID]) -> int:
    """Delete the payments of reports, and the payers without another payment; return the rows deleted."""
    found = sql.run(
        "DELETE FROM analyse_paid WHERE report_id = ANY(%s::uuid[])", [list(report_ids)]
    )
    count = int(found)
    found = sql.run(
        "DELETE FROM analyse_payer p WHERE report_id = ANY(%s::uuid[]) AND NOT EXISTS ("
        "SELECT FROM analyse_paid d WHERE d.desk_id = p.desk_id AND d.payer = p.payer)",
        [list(report_ids)],
    )
    return count + int(found)


def _note(
    actor: Actor, desk: _Desk, typologies: Typologies, *, now: datetime
) -> dict[UUID, Around]:
    new = {p.beneficiary.id(): p.beneficiary.key for p in desk.every() if p.beneficiary.key}
    before = beside(desk_id=desk.desk_id, beneficiaries=list(new), now=now)
    _write_pairs(desk)
    after = beside(desk_id=desk.desk_id, beneficiaries=list(new), now=now)
    crossed = [
        b for b in new if _crosses(before.senders.get(b, 0), after.senders.get(b, 0), typologies)
    ]
    touched = payers_to(desk_id=desk.desk_id, beneficiaries=crossed, limit=_TOUCHED)
    payers = {p.sender.id() for p in desk.every() if p.sender.key}
    _read_earlier(actor, desk, payers=payers | set(touched), typologies=typologies)
    every = desk.every()
    keys = {p.beneficiary.id(): p.beneficiary.key for p in every if p.beneficiary.key}
    known = beside(desk_id=desk.desk_id, beneficiaries=list(keys), now=now)
    senders = {keys[b]: count for b, count in known.senders.items()}
    mine = [p for p in every if p.sender.id() in payers | set(touched)]
    scores = score_payers(mine, typologies, senders=senders, until=known.until)
    _write_scores(desk, scores, now=now)
    return {
        report_id: Around(transfers=_of_same_payers(own, every), senders=senders, until=known.until)
        for report_id, own in desk.own.items()
    }


def _of_same_payers(own: Sequence[Paid], every: Sequence[Paid]) -> tuple[Paid, ...]:
    payers = {p.sender.key for p in own if p.sender.key}
    return tuple(p for p in every if p.sender.key in payers)


def _crosses(before: int, after: int, typologies: Typologies) -> bool:
    """Return whether a beneficiary's number of senders crossed a bound of the rules that count senders.

    `before` and `after` are the numbers; the rules are the indicators of a beneficiary common to several
    payers, and of a hub (a beneficiary of very many). If so, the payers to that beneficiary are scored again.
    """
    bounds = {
        bound
        for rule in (*typologies.indicator, *typologies.lowers)
        if rule.code in {"PAYMENT_COMMON_BENEFICIARY", "PAYMENT_HUB"}
        for bound in (rule.at_least, rule.at_most + 1 if rule.at_most else rule.at_least)
    }
    return any((before >= bound) != (after >= bound) for bound in bounds)


def _read_earlier(actor: Actor, desk: _Desk, *, payers: set[UUID], typologies: Typologies) -> None:
    found = reports_paying(desk_id=desk.desk_id, payers=sorted(payers), limit=_REPORTS)
    ids = {report_id for ids in found.values() for report_id in ids} - desk.own.keys()
    records = harmonised.get_records(actor=actor, report_ids=sorted(ids))
    desk.earlier = {i: paid_in(record, typologies.rates) for i, record in records.items()}


def _write_pairs(desk: _Desk) -> None:
    pairs: dict[tuple[UUID, UUID, UUID], datetime | None] = {}
    for report_id, own in desk.own.items():
        for paid in own:
            if paid.sender.key:
                beneficiary = paid.beneficiary.id() if paid.beneficiary.key else _NOBODY
                key = (report_id, paid.sender.id(), beneficiary)
                known = pairs.get(key)
                newest = max(filter(None, (known, paid.at)), default=None)
                pairs[key] = newest
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analyse_paid WHERE report_id = ANY(%s::uuid[])", [uuid_array(desk.own)]
        )
        cursor.executemany(
            "INSERT INTO analyse_paid (report_id, payer, beneficiary, desk_id, last_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [(*key, desk.desk_id, at) for key, at in pairs.items()],
        )


def _write_scores(desk: _Desk, scores: Sequence[PayerScore], *, now: datetime) -> None:
    shown = _reports_shown(desk)
    rows = [
        (
            desk.desk_id,
            score.sender.id(),
            shown[score.sender.key],
            score.score,
            score.typology,
            score.suspected,
            text_array(point.code for point in score.points),
            text_array(score.countries),
            len(score.transfers),
            len({p.beneficiary.key for p in score.transfers}),
            score.total,
            score.first_at,
            score.last_at,
            score.rule_version,
            now,
        )
        for score in sorted(
            scores, key=lambda s: s.sender.id()
        )  # the same order for all writers, against deadlocks
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, rows)


def _reports_shown(desk: _Desk) -> Mapping[str, UUID]:
    """Return for each payer, by key, the report with the most details about the payer; of equals, the newest.

    `desk` holds all transfers of the desk's reports.
    """
    found: dict[str, tuple[int, UUID]] = {}
    for report_id, own in (*desk.own.items(), *desk.earlier.items()):
        for paid in own:
            said = (paid.sender.told(), report_id)
            found[paid.sender.key] = max(said, found.get(paid.sender.key, said))
    return {key: report_id for key, (_told, report_id) in found.items()}


_UPSERT = (
    "INSERT INTO analyse_payer (desk_id, payer, report_id, score, typology, suspected, codes, countries,"
    " transfers, beneficiaries, total, first_at, last_at, rule_version, scored_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s::text[], %s::text[], %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (desk_id, payer) DO UPDATE SET report_id = EXCLUDED.report_id, score = EXCLUDED.score,"
    " typology = EXCLUDED.typology, suspected = EXCLUDED.suspected, codes = EXCLUDED.codes,"
    " countries = EXCLUDED.countries, transfers = EXCLUDED.transfers,"
    " beneficiaries = EXCLUDED.beneficiaries, total = EXCLUDED.total, first_at = EXCLUDED.first_at,"
    " last_at = EXCLUDED.last_at, rule_version = EXCLUDED.rule_version, scored_at = EXCLUDED.scored_at"
)
