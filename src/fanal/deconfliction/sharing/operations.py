"""Operations on what is shared with other organisations (counterparts): its identifiers, withheld dossiers.

An identifier enters a comparison within the sharing limits, unless it is withheld or too common. A decision
to withhold a dossier is a row with its reason.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.crosscheck.dossiers.queries import dossier_view
from fanal.crosscheck.links.domain.reasons import month_before, recent_from
from fanal.crosscheck.links.queries import telling
from fanal.db import sql
from fanal.deconfliction import queries as deconfliction
from fanal.deconfliction.domain.limits import MOST_HOLDERS, NEVER
from fanal.deconfliction.domain.records import Counterpart, Withholding
from fanal.deconfliction.domain.sets import MOST
from fanal.deconfliction.sharing import queries
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.sightings import KeySearch
from fanal.intake.queries.work import list_aside
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id, new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

_LOOKED_AT: Final = 2 * MOST
"""Maximum number of keys read: twice a set, since hubs (too common keys) are then removed."""


def gather(*, actor: Actor, counterpart: Counterpart, now: datetime) -> list[UUID]:
    """Return the selector keys of our identifiers to compare with a counterpart's (another organisation's).

    The newest come first, `MOST` (131,072) at most. An identifier is included if the sharing limits allow one
    of its occurrences, as a structured field rather than in free text, in a report that is neither a test nor
    retracted. It is excluded if any report has it for a victim or a witness, if a withheld dossier contains
    it, or if too many reports contain it (a hub, without evidential value).

    Raises:
        Refused: the actor may not run rounds.
    """
    return _allowed(actor, counterpart, now)[:MOST]


def still_allowed(
    *, actor: Actor, counterpart: Counterpart, keys: Collection[UUID], now: datetime
) -> set[UUID]:
    """Return those of our selector keys that may still be compared with a counterpart (see `gather`).

    The counterpart is another organisation; its limits are read again. Identifiers are left out that were
    withheld, excluded by new limits, or named for a victim since the round began.

    Raises:
        Refused: the actor may not run rounds.
    """
    latest = deconfliction.get_counterpart(actor=actor, counterpart_id=counterpart.id)
    assert latest is not None  # noqa: S101 - counterparts are never deleted
    return set(_allowed(actor, latest, now, among=tuple(keys)))


def _allowed(
    actor: Actor, counterpart: Counterpart, now: datetime, among: tuple[UUID, ...] | None = None
) -> list[UUID]:
    limits = counterpart.limits
    month = month_before(now, limits.months)
    found = harmonised.search_keys(
        actor=actor,
        wanted=KeySearch(
            kinds=limits.kinds,
            roles=limits.roles,
            desk_ids=limits.desk_ids,
            since=lowest_id(now.replace(year=month.year, month=month.month, day=1)),
            recent=lowest_id(recent_from(now)),
            never=tuple(sorted(NEVER)),
            withheld=tuple(queries.withheld_reports(actor=actor, counterpart_id=counterpart.id)),
            aside=tuple(list_aside(actor=actor)),
            among=among,
        ),
        limit=_LOOKED_AT,
    )
    tells = telling(held=found)
    return [
        held.key
        for held, kept in zip(found, tells, strict=True)
        if kept and sum(held.total.values()) <= MOST_HOLDERS
    ]


_SHARING: Final = 0x4443534841  # "DCSHA"


def hold_sharing(*, changes: bool = False) -> None:
    """Lock the sharing decisions until the end of the transaction: to read or (`changes`) to change them.

    A change waits for messages that are being sent, and sending waits for a change in progress. After a
    withholding is recorded, no message leaves that was checked before it.
    """
    kind = "" if changes else "_shared"
    sql.run(f"SELECT pg_advisory_xact_lock{kind}(%s)", [_SHARING])


MOST_WORDS = 2000


def withhold(
    *,
    actor: Actor,
    dossier_id: UUID,
    counterpart_id: UUID | None,
    withheld: bool,
    words: str,
    now: datetime,
    shown: Collection[UUID] | None = None,
) -> None:
    """Withhold the identifiers of a dossier from an organisation, or end the withholding.

    `withheld` says which. `counterpart_id` is the organisation, None for all. Withheld identifiers are not
    compared with it. Ending the withholding has no effect where nothing is withheld. A withholding is
    recorded for the first desk of the dossier where the actor may withhold, with the dossier's reports at
    every desk. Each desk decides for itself: a desk cannot end the withholding of another desk. After a
    split, the end of a decision on the page of one part ends it for all. `words` is the reason. `shown`: the
    withholdings that the actor has seen; None: all.

    Raises:
        Refused: the actor may not withhold dossiers at any desk with a report in this one.
        Refusal: NOT_FOUND, no such dossier that the actor may read, or no such counterpart; WORDS, empty or
            too long; CHANGED, a withholding to end is none of `shown`.
    """
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    desks = sorted({node.desk_id for node in view.nodes if node.report_id is not None})
    own = [d for d in desks if allows(actor, "dossier.withhold", Resource(desk_id=d)).allowed]
    require(actor, "dossier.withhold", Resource(desk_id=(own or desks)[0]))
    known = counterpart_id is None or deconfliction.get_counterpart(
        actor=actor, counterpart_id=counterpart_id
    )
    if not known:
        raise Refusal("deconfliction", "NOT_FOUND")
    text = stripped(words)
    if not 0 < len(text) <= MOST_WORDS or "\x00" in text:
        raise Refusal("deconfliction", "WORDS")
    with transaction.atomic():
        hold_sharing(changes=True)
        # A later decision carries the reports of those before it: no report is freed by a second one, and
        # the reason expires with the reports of then and of now. Dossiers merged into this one, or that it
        # is a part of, keep their own rows: the withholding of each is ended.
        said = queries.withholdings_of(actor=actor, dossier_ids=[view.id])
        before = [
            one
            for one in queries.in_force(said=said)
            if one.desk_id in own and one.counterpart_id == counterpart_id
        ]
        if not withheld and shown is not None and any(one.id not in shown for one in before):
            raise Refusal("deconfliction", "CHANGED")
        stored = queries.reports_withheld(withholding_ids=[one.id for one in before])
        targets = {(one.dossier_id, one.desk_id): stored[one.id] for one in before}
        if withheld:
            here = (view.id, own[0])
            targets = {here: targets.get(here, set())}
        now_in_it = queries.reports_of(dossier_id=view.id)
        for (target, desk_id), reports in targets.items():
            _write(
                actor,
                Withholding(
                    id=new_id(now),
                    dossier_id=target,
                    desk_id=desk_id,
                    counterpart_id=counterpart_id,
                    withheld=withheld,
                    author_id=actor.person_id,
                    made_at=now,
                    words=text,
                ),
                sorted(reports | now_in_it),
            )


def _write(actor: Actor, made: Withholding, reports: Sequence[UUID]) -> None:
    """Insert a decision (`made`) to withhold a dossier or not, with its reason and its ledger entry.

    `reports` are those now in the dossier, and for an end also those in it when it was withheld: they are
    stored with the decision, whose reason is erased with the first of them.
    """
    digest = ledger.keyed_digest(kind="withholding", object_id=made.id, content=made.words.encode())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_withholding (id, dossier_id, desk_id, counterpart_id, report_ids,"
            " withheld, author_id, made_at, reason_digest)"
            " VALUES (%s, %s, %s, %s, %s::uuid[], %s, %s, %s, %s)",
            [
                made.id, made.dossier_id, made.desk_id, made.counterpart_id, list(reports), made.withheld,
                made.author_id, made.made_at, digest,
            ],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO deconfliction_withholding_words (withholding_id, words) VALUES (%s, %s)",
            [made.id, made.words],
        )
    ledger.record(
        actor=actor,
        action="dossier.withhold",
        at=made.made_at,
        objects=[
            ObjectRef(kind="withholding", id=made.id),
            ObjectRef(kind="dossier", id=made.dossier_id),
        ],
        detail={"withheld": int(made.withheld)},
    )
