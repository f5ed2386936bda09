"""Records people's judgements on links and dossiers as append-only rows, and recomputes the dossiers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Resource, allows, reach, require_somewhere
from fanal.crosscheck.domain.records import JudgementAct, unpack_reasons
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.domain import Judgement, conduct_of, move_of, state_of
from fanal.crosscheck.dossiers.operations import assemble, company_of, lock, lock_judgements
from fanal.crosscheck.dossiers.queries import CURRENT
from fanal.crosscheck.dossiers.ties import erased_beside
from fanal.crosscheck.similar.domain.suggestions import evidence_of
from fanal.crosscheck.similar.operations.store import let_wait
from fanal.db import sql
from fanal.intake.operations.lifecycle import require_unerased
from fanal.intake.queries.reviews import erased_among
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

# Answers to suggestions: a judgement with the evidence of the pair at that time.


def remember(judgement: Judgement) -> None:
    """Store the present evidence of each pair of a LINK or UNLINK judgement, as an answer to its suggestion.

    The pairs are those of a `left` and a `right` report with a link, a similarity or a suggestion of the
    linkage model. A rejected pair is suggested again only when it has more evidence. After an UNLINK the
    reports are queued for the similarity search, since passages common to two rejected pairs no longer make
    reports similar (stop keys). Runs in the judgement's transaction.
    """
    accepted = judgement.act is JudgementAct.LINK
    found: dict[tuple[UUID, UUID], tuple[float, frozenset[int]]] = {}
    for one, two, score, content in _between(judgement.left, judgement.right):
        known = found.get((one, two), (0.0, frozenset[int]()))
        evidence = known[1] | evidence_of(unpack_reasons(content))
        found[one, two] = max(known[0], score), evidence
    rows = [
        (judgement.id, one, two, accepted, score, sorted(evidence))
        for (one, two), (score, evidence) in found.items()
    ]
    if not accepted:  # passages in two rejected pairs become stop keys
        let_wait({end for pair in found for end in pair})
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crosscheck_answer"
            " (judgement_id, report_id, other_id, accepted, score, evidence)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            rows,
        )


def _between(
    left: Sequence[UUID], right: Sequence[UUID]
) -> list[tuple[UUID, UUID, float, memoryview]]:
    ways = " UNION ALL ".join(
        f"SELECT l.report_id, l.other_id, l.score, l.reasons FROM crosscheck_{table} l"  # noqa: S608
        f" WHERE l.report_id = ANY(%({one})s::uuid[]) AND l.other_id = ANY(%({two})s::uuid[]){current}"
        for table, current in (("link", f" AND{CURRENT}"), ("resemblance", ""), ("near", ""))
        for one, two in (("left", "right"), ("right", "left"))
    )
    return sql.rows(ways, {"left": list(left), "right": list(right)})


MOST_NAMED = 1000
MAX_REASON = 2000
AGAIN = timedelta(seconds=10)
"""Time within which the same judgement by the same person is a page sent twice."""
_ACTIONS = {
    JudgementAct.LINK: "link.judge",
    JudgementAct.UNLINK: "link.judge",
    JudgementAct.MERGE: "dossier.merge",
    JudgementAct.SPLIT: "dossier.split",
    JudgementAct.REJECT: "dossier.reject",
    JudgementAct.OPEN: "dossier.open",
    JudgementAct.CLOSE: "dossier.close",
    JudgementAct.UNDO: "dossier.judge",
}
_CONDUCT = {JudgementAct.OPEN, JudgementAct.CLOSE}


def judge(  # noqa: PLR0913 - those of a judgement, and a condition on it
    *,
    actor: Actor,
    act: JudgementAct,
    reason: str,
    now: datetime,
    left: Sequence[UUID] = (),
    right: Sequence[UUID] = (),
    undoes: UUID | None = None,
    apart: bool = False,
) -> UUID:
    """Record a person's judgement on reports, recompute their dossiers, and return the judgement's id.

    `left` and `right` are report ids (for MERGE and SPLIT: the members of both sides). REJECT, OPEN and
    CLOSE take `left` alone, UNDO takes `undoes` alone, the judgement to revoke. `reason` is the person's
    written reason. `apart` sets a condition: none of `right` is in a dossier by now, and all of `left`, if
    several, are still in one. The same judgement sent twice by one person within seconds is recorded once.

    Raises:
        Refused: the actor may judge at no desk.
        Refusal: SIDES: wrong arguments for `act`; OVERLAP: a report given twice; TOO_MANY: over 1000
            reports; REASON: empty, over 2000 characters, or with a NUL; ALREADY_UNDONE: the judgement to
            undo was undone before; STATE: OPEN of an open dossier, CLOSE of one not open; IN_DOSSIER (a
            report to attach is in a dossier), SPLIT_MEANWHILE (the others are no longer in one dossier),
            both with `apart`; NOT_FOUND, UNKNOWN_REPORT: no such judgement or report, or one of a desk
            where the actor may not judge; ERASED: one of the reports is erased, or all those of the
            judgement to undo.
    """
    require_somewhere(actor, "dossier.judge")
    _check(act, reason, (tuple(left), tuple(right)), undoes)
    # Membership depends on the links and judgements of all desks; nothing of them is shown here.
    with row_scope.across_desks(), transaction.atomic():
        target = _target(undoes) if undoes else None
        named = sorted({*left, *right, *((*target.left, *target.right) if target else ())})
        desks = dossiers.desks_of_reports(named)
        held = (Resource(desk_id=desk_id) for desk_id in set(desks.values()))
        theirs = all(allows(actor, "dossier.judge", desk).allowed for desk in held)
        if len(desks) != len(named) or not theirs:
            raise Refusal("judgement", "NOT_FOUND" if target else "UNKNOWN_REPORT")
        # The reports before the lock of judgements, as expiry does.
        require_unerased(report_ids=named, of="judgement", one=target is not None)
        lock_judgements()
        if undoes:
            _target(undoes)  # nobody has undone it meanwhile
        if act in _CONDUCT:
            _require_move(act, named, reach(actor, "dossier.read").desks)
        lock()  # before the queue of the similarity search, as batches and erasure do
        if before := _pressed_before(actor, act, (left, right), reason, now):
            return before
        if apart:
            _require_apart(left, right)
        erased = _erased_too(actor, act, left)
        judgement_id = _next_id(now)
        judgement = Judgement(
            id=judgement_id, act=act, left=(*left, *erased), right=tuple(right), undoes=undoes
        )
        _write(actor, judgement, reason, now)
        if act in (JudgementAct.LINK, JudgementAct.UNLINK):
            remember(judgement)
        if act not in _CONDUCT:
            assemble(named, now=now)
        ledger.record(
            actor=actor,
            action=_ACTIONS[act],
            at=now,
            objects=[
                ObjectRef(kind="judgement", id=judgement_id),
                *(ObjectRef(kind="report", id=report_id) for report_id in (*named, *erased)),
            ],
            detail={"act": act.value},
        )
    return judgement_id


def judge_suggestion(
    *,
    actor: Actor,
    report_id: UUID,
    other_id: UUID,
    accept: bool,
    reason: str,
    now: datetime,
    also: Sequence[tuple[UUID, UUID]] = (),
) -> UUID:
    """Accept or reject a suggested link between two reports; return the judgement's id.

    A rejected pair is suggested again only with new evidence. `also` are further pairs between the same two
    dossiers: a rejection rejects each of them by its own judgement, all or none; an acceptance needs only the
    first pair, of which the id is returned. `reason` is the person's written reason.

    Raises:
        Refused: the actor may judge at no desk.
        Refusal: as `judge`, for example REASON (empty or too long) or UNKNOWN_REPORT (a report is unknown or
            at another desk).
    """
    act = JudgementAct.LINK if accept else JudgementAct.UNLINK
    pairs = [(report_id, other_id), *(() if accept else also)]
    with transaction.atomic():
        # All of them before the lock of judgements, which the first one takes.
        require_unerased(report_ids={end for pair in pairs for end in pair}, of="judgement")
        first, *_ = [
            judge(actor=actor, act=act, left=[one], right=[two], reason=reason, now=now)
            for one, two in pairs
        ]
    return first


def _erased_too(actor: Actor, act: JudgementAct, left: Sequence[UUID]) -> list[UUID]:
    """Return the erased reports of a dossier that a REJECT names, since they would still join the others.

    Only erased reports at desks where the actor may judge are returned, and only if `left` are all other
    reports of the dossier at these desks. Empty for any other `act`.
    """
    if act is not JudgementAct.REJECT:
        return []
    living, erased = company_of(left)
    own = {
        report_id
        for report_id, desk_id in dossiers.desks_of_reports(living | erased).items()
        if allows(actor, "dossier.judge", Resource(desk_id=desk_id)).allowed
    }
    return sorted(erased & own) if living & own == set(left) else []


def _check(
    act: JudgementAct,
    reason: str,
    sides: tuple[tuple[UUID, ...], tuple[UUID, ...]],
    undoes: UUID | None,
) -> None:
    left, right = sides
    left_alone = (True, False, False)
    wanted = {JudgementAct.UNDO: (False, False, True)} | dict.fromkeys(
        (JudgementAct.REJECT, *_CONDUCT), left_alone
    )
    if (bool(left), bool(right), undoes is not None) != wanted.get(act, (True, True, False)):
        raise Refusal("judgement", "SIDES")
    if len(left) + len(right) > MOST_NAMED:
        raise Refusal("judgement", "TOO_MANY")
    if not set(left).isdisjoint(right) or len({*left, *right}) != len(left) + len(right):
        raise Refusal("judgement", "OVERLAP")
    if not stripped(reason) or len(reason) > MAX_REASON or "\x00" in reason:
        raise Refusal("judgement", "REASON")


def _pressed_before(
    actor: Actor,
    act: JudgementAct,
    sides: tuple[Sequence[UUID], Sequence[UUID]],
    reason: str,
    now: datetime,
) -> UUID | None:
    """Return the same judgement, for the same reason, that the person made seconds ago (a double click).

    None without one, or if another judgement on the reports of `sides` came after it.
    """
    for last in reversed(dossiers.judgements_about([*sides[0], *sides[1]])):
        recent = last.made_at is not None and abs(now - last.made_at) < AGAIN
        if not recent or last.author_id != actor.person_id or last.act is not act:
            return None
        added = erased_among(report_ids=last.left).difference(sides[0])  # `_erased_too`
        if (set(last.left) - added, set(last.right)) == tuple(map(set, sides)):
            found = sql.row(
                "SELECT reason FROM crosscheck_reason WHERE judgement_id = %s", [last.id]
            )
            return last.id if found == (reason,) else None
    return None


def _require_apart(left: Sequence[UUID], right: Sequence[UUID]) -> None:
    """Check that none of `right` is in a dossier, and that all of `left`, if several, are still in one.

    Raises:
        Refusal: IN_DOSSIER: one of `right` is in a dossier; SPLIT_MEANWHILE: those of `left` are not in
            one.
    """
    if dossiers.co_members(reports=right):
        raise Refusal("judgement", "IN_DOSSIER")
    if len(left) > 1 and not dossiers.co_members(reports=left[:1]).issuperset(left):
        raise Refusal("judgement", "SPLIT_MEANWHILE")


def _require_move(act: JudgementAct, reports: Sequence[UUID], desks: list[int] | None) -> None:
    """Check that a dossier is not open before an OPEN, and that it is open before a CLOSE.

    These are a person's judgements. `reports` are the reports of the dossier that the judgement names,
    `desks` those whose dossiers the person reads (None: all): the state is the one that their page shows.

    Raises:
        Refusal: STATE: the dossier's state does not allow `act`.
    """
    named = {*reports, *erased_beside(reports, desks)}
    held = state_of(conduct_of(dossiers.judgements_about(named)))
    if move_of(held, act) is None:
        raise Refusal("judgement", "STATE")


def _target(undoes: UUID) -> Judgement:
    """Return the judgement that an UNDO of `undoes` affects: that judgement, or the last one of a chain of
    UNDOs.

    Raises:
        Refusal: NOT_FOUND: no judgement has this id; ALREADY_UNDONE: it is revoked already.
    """
    found = dossiers.judgements_by_id([undoes])
    if not found:
        raise Refusal("judgement", "NOT_FOUND")
    if dossiers.is_undone(undoes):
        raise Refusal("judgement", "ALREADY_UNDONE")
    target = found[0]
    while target.undoes is not None:
        target = dossiers.judgements_by_id([target.undoes])[0]
    return target


def _next_id(now: datetime) -> UUID:
    """Return a judgement id greater than all in use, since later ids take precedence."""
    last = dossiers.last_judgement_id()
    fresh = new_id(now)
    return fresh if last is None or fresh > last else UUID(int=last.int + 1)


def _write(actor: Actor, judgement: Judgement, reason: str, now: datetime) -> None:
    digest = ledger.keyed_digest(
        kind="judgement", object_id=judgement.id, content=reason.encode("utf-8", "surrogatepass")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crosscheck_judgement"
            " (id, act, left_ids, right_ids, undoes, author_id, made_at, reason_digest)"
            " VALUES (%s, %s, %s::uuid[], %s::uuid[], %s, %s, %s, %s)",
            [
                judgement.id,
                judgement.act.value,
                list(judgement.left),
                list(judgement.right),
                judgement.undoes,
                actor.person_id,
                now,
                digest,
            ],
        )
        cursor.execute(
            "INSERT INTO crosscheck_reason (judgement_id, reason) VALUES (%s, %s)",
            [judgement.id, reason],
        )
