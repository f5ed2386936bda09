"""Expiry in all packages: erasure of data past its retention class, or approved for early erasure.

Nothing under a legal hold is erased. Due dates are pure functions of stored times: the next run makes up
for a missed one, and a run after `fanal restore` erases again the data that the backup brought back. The
nightly run waits for an operator after forty days without one: by a clock that is years ahead it would erase
everything.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from fanal import reference
from fanal.accounts.operations.people import forget_counters, forget_people, forget_words
from fanal.analyse import operations as analyse
from fanal.analyse.material.operations.lists import forget_withdrawn
from fanal.casework import queries as acts
from fanal.casework.operations.approvals import erase_words, forget_subjects
from fanal.crosscheck.operations import erasure as crosscheck
from fanal.deconfliction.operations import rounds as deconfliction
from fanal.exchange.operations.serving import forget_items
from fanal.harmonise.operations import identity as harmonise
from fanal.intake.operations.lifecycle import (
    forget_identities,
    forget_messages,
    forget_reports,
    lock_reports,
    lock_to_erase,
)
from fanal.intake.queries.reviews import list_ended, list_unerased
from fanal.intake.queries.work import list_expired, list_held, list_silent, list_spoken
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger, queries as entries
from fanal.measures.appeal import acts as appeals
from fanal.measures.blocking import acts as blockings
from fanal.measures.blocking.mirrors import acts as mirrors
from fanal.measures.dereferencing import acts as dereferencings
from fanal.measures.operations import milestones as measures
from fanal.orient import queries as oriented
from fanal.orient.answers.operations import forget_answers
from fanal.orient.answers.queries import list_unheard
from fanal.orient.operations import batch as orient
from fanal.retention import ACTS, GROUPS, cut_off
from fanal.statistics.annotations import forget_annotations
from fanal.vault import mark
from fanal.vault.domain.records import IDENTITY_KINDS
from fanal.vault.operations import erase as vault
from fanal.vault.queries import list_objects
from fanal.worker import upkeep

# The registry of erasers: one for each group of retention classes.
#
# A retention class without an eraser stops the worker at its start (`check_erasers`): otherwise its data
# would be kept for ever.

LASTING = {
    "blocking": blockings.erase_words,
    "mirror": mirrors.erase_words,
    "dereferencing": dereferencings.erase_words,
    "appeal": appeals.erase_words,
}
"""The function that erases texts and names, by kind of official act that needs them until its end."""
_BATCH = 500
LONGEST_PAUSE = timedelta(days=40)
"""Time since the last run of the expiry after which only an operator starts it again."""
_UNHEARD = timedelta(days=30)
"""Time for a person to read the reporter's last message, before the report is erased at its term."""
log = logging.getLogger("fanal.worker")
Erase = Callable[[Actor, datetime, datetime], int]
"""A function of the actor, the present time and a cut-off time: it erases older data, returns the count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """A function that erases the data of some retention classes when their time is over.

    `name` identifies it in the results of `expire`, `classes` are the codes of the retention classes; the
    shortest of them gives the date. `erase` takes actor, present time and cut-off time, and returns how many
    objects it erased; it is None if the tables hold only ids, codes, times and digests: no personal data.
    """

    name: str
    classes: tuple[str, ...]
    erase: Erase | None


class ErasersFailed(Exception):
    """Error: some erasers failed, all others have run. The text names each with the type of its failure."""

    def __init__(self, failed: Mapping[str, Exception]) -> None:
        super().__init__(
            ", ".join(f"{name} ({type(failure).__name__})" for name, failure in failed.items())
        )


def erase_reports(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Erase reports in every package: data keys, identifiers, search index, texts; ids and digests remain."""
    with transaction.atomic():
        # First, as those who write on a report do: what is being written is erased too.
        lock_reports(actor=actor, report_ids=report_ids, erasing=True)
        vault.erase(actor=actor, owner_ids=report_ids, now=now, motive="expiry")
        harmonise.erase(actor=actor, report_ids=report_ids)
        analyse.erase(actor=actor, report_ids=report_ids, now=now)
        crosscheck.erase(actor=actor, report_ids=report_ids)
        deconfliction.erase(actor=actor, report_ids=report_ids)
        orient.erase(actor=actor, report_ids=report_ids)
        forget_reports(actor=actor, report_ids=report_ids, now=now)
        ledger.record_batch(
            actor=actor,
            action="report.erase",
            at=now,
            kind="report",
            items=[(report_id, b"") for report_id in report_ids],
            detail={"count": len(report_ids)},
        )


def erase_again(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> int:
    """Erase again the reports that a restore brought back; return their number.

    `report_ids` must be reports that were erased before the restore, from the lists of erasures: this is not
    checked. Those that are still erased are skipped.
    """
    total = 0
    for start in range(0, len(report_ids), _BATCH):
        back = list_unerased(actor=actor, report_ids=list(report_ids[start : start + _BATCH]))
        if back:
            erase_reports(actor=actor, report_ids=back, now=now)
            total += len(back)
    return total


def forget_replayed(*, actor: Actor, report_ids: Sequence[UUID]) -> None:
    """Delete the rows of reports' messages and identities whose content a restore erased again.

    Messages and identities added since are kept.
    """
    for start in range(0, len(report_ids), _BATCH):
        ids = list(report_ids[start : start + _BATCH])
        with transaction.atomic():
            lock_reports(actor=actor, report_ids=ids)
            kept = [one.id for one in list_objects(actor=actor, owner_ids=ids)]
            gone = forget_messages(actor=actor, report_ids=ids, but=kept)
            forget_answers(actor=actor, message_ids=gone)
            forget_identities(actor=actor, report_ids=ids, but=kept)


def _erase_due_reports(actor: Actor, now: datetime, before: datetime) -> int:
    """Erase the reports that are due; return how many.

    A report stays if its reporter has written within `_UNHEARD` (thirty days) and nobody has read that
    message. A report that is locked waits for the next run. Reports that stay are locked only while they are
    examined.
    """
    total = 0

    def kept_of(listed: Sequence[UUID]) -> set[UUID]:
        kept = list_held(actor=actor, report_ids=listed)
        return kept | list_unheard(actor=actor, report_ids=listed, since=now - _UNHEARD)

    left: list[UUID] = []
    while due := (
        list_expired(actor=actor, before=before, but=left, limit=_BATCH)
        or list_ended(actor=actor, but=left, limit=_BATCH)
    ):
        kept = kept_of(due)  # before any lock: an alarm on one of them is taken meanwhile
        with transaction.atomic():
            ours = lock_to_erase(actor=actor, report_ids=[one for one in due if one not in kept])
            kept = kept_of(ours)
            erased = [one for one in ours if one not in kept]
            if erased:
                erase_reports(actor=actor, report_ids=erased, now=now)
        left += set(due) - set(erased)
        total += len(erased)
    return total


def _erase_identities(actor: Actor, now: datetime, before: datetime) -> int:
    """Erase the identities of the reporters of reports received before `before`; return how many.

    Their addresses are in the same sealed object, so that the shorter of the two retention classes applies.
    """
    total = 0
    left: list[UUID] = []
    while listed := list_expired(
        actor=actor, before=before, identities=True, but=left, limit=_BATCH
    ):
        with transaction.atomic():
            lock_reports(actor=actor, report_ids=listed)
            held = list_held(actor=actor, report_ids=listed)
            due = [report_id for report_id in listed if report_id not in held]
            vault.erase(
                actor=actor, owner_ids=due, now=now, kinds=sorted(IDENTITY_KINDS), motive="expiry"
            )
            forget_identities(actor=actor, report_ids=due)
        left += held
        total += len(due)
    return total


def _erase_messages(actor: Actor, now: datetime, before: datetime) -> int:
    """Erase conversations without a message since `before`; return the number of their reports.

    Conversations are kept while the desk has something to decide on the report, or a legal hold covers it.
    """
    total, after = 0, None
    while silent := list_silent(actor=actor, before=before, after=after, limit=_BATCH):
        after = silent[-1]
        settled = oriented.list_settled(actor=actor, report_ids=silent)
        due = [report_id for report_id in silent if report_id in settled]
        with transaction.atomic():
            lock_reports(actor=actor, report_ids=due)
            settled = oriented.list_settled(actor=actor, report_ids=due)
            settled -= list_held(actor=actor, report_ids=due)
            settled -= list_spoken(actor=actor, report_ids=due, since=before)
            due = [report_id for report_id in due if report_id in settled]
            vault.erase(actor=actor, owner_ids=due, now=now, kinds=["message"], motive="expiry")
            forget_messages(actor=actor, report_ids=due)
            forget_answers(actor=actor, report_ids=due)
        total += len(due)
    return total


def _erase_acts(actor: Actor, now: datetime, before: datetime) -> int:
    total = 0
    for kind in ACTS:
        erase = partial(erase_words, actor=actor, kind=kind, now=now)
        total += _erase_free(actor, before, kind=kind, erase=erase)
    return total


def _erase_payers(actor: Actor, now: datetime, before: datetime) -> int:  # noqa: ARG001 - one signature
    erase = partial(forget_subjects, actor=actor)
    return _erase_free(actor, before, kind="sheet", subjects=True, erase=erase)


def _erase_measures(actor: Actor, now: datetime, before: datetime) -> int:
    def erase(*, act_ids: list[UUID]) -> int:
        return measures.erase_words(actor=actor, measure_ids=act_ids, now=now)

    total = _erase_free(actor, before, kind="measure", erase=erase)
    for kind, words in LASTING.items():
        lasting = partial(words, actor=actor, now=now)
        total += _erase_free(actor, before, kind=kind, erase=lasting)
    return total


def _erase_free(
    actor: Actor,
    before: datetime,
    *,
    kind: str,
    erase: Callable[..., int],
    subjects: bool = False,
) -> int:
    """Erase official acts of a kind, due before `before`, without those under a legal hold; return how many.

    An act is under a legal hold if one of its reports is. The reports are locked meanwhile, so that no hold
    can begin. `erase` receives the `act_ids` of a batch. With `subjects`, the acts are those due for the
    erasure of the id of their report or payer, else those due for the erasure of their texts.
    """
    total, after = 0, None
    while rows := acts.list_due(
        actor=actor, kind=kind, before=before, after=after, limit=_BATCH, subjects=subjects
    ):
        after = rows[-1].id
        reports = [report_id for row in rows for report_id in row.report_ids]
        with transaction.atomic():
            lock_reports(actor=actor, report_ids=reports)
            held = list_held(actor=actor, report_ids=reports)
            if due := [row.id for row in rows if held.isdisjoint(row.report_ids)]:
                total += erase(act_ids=due)
    return total


def _erase_motives(actor: Actor, now: datetime, before: datetime) -> int:
    total = 0
    while erased := ledger.expire_motives(actor=actor, before=before, now=now):
        total += erased
    return total


def _erase_challenges(actor: Actor, now: datetime, before: datetime) -> int:  # noqa: ARG001
    """Delete used proofs of work, sign-in counters and expired web sessions; return the number of proofs.

    `before` is not used: each of these has an expiry of its own, earlier than the end of the retention class.
    """
    forget_counters(now=now)
    upkeep.forget_sessions(now=now)
    return upkeep.forget_challenges(now=now)


def _erase_entries(actor: Actor, now: datetime, before: datetime) -> int:  # noqa: ARG001
    total = 0
    while True:
        with transaction.atomic():
            erased, gone = forget_withdrawn(actor=actor, before=before)
            forget_items(actor=actor, item_ids=gone)
        if not erased:
            return total
        total += erased


def _erase_people(actor: Actor, now: datetime, before: datetime) -> int:
    """Erase data of people, instructions and counterparts that ended before `before`; return their number.

    These are: identities and saved views of people who left; grounds and reasons of expired standing
    instructions; names and addresses of past duty lines; sources of outdated checks of emergency numbers;
    texts of past annotations of charts; contact, address and login of closed counterparts (organisations for
    de-confliction).
    """
    total = forget_words(actor=actor, before=before)
    total += forget_annotations(actor=actor, before=before)
    total += deconfliction.forget_counterparts(actor=actor, before=before)
    while left := forget_people(actor=actor, before=before, now=now):
        orient.forget_views(actor=actor, person_ids=left)
        total += len(left)
    return total


ERASERS: tuple[Eraser, ...] = (
    Eraser(
        name="identities",
        classes=GROUPS["identities"],
        erase=_erase_identities,
    ),
    Eraser(name="conversations", classes=GROUPS["conversations"], erase=_erase_messages),
    Eraser(
        name="reports",
        classes=GROUPS["reports"],
        erase=_erase_due_reports,
    ),
    Eraser(name="acts", classes=GROUPS["acts"], erase=_erase_acts),
    Eraser(name="payers", classes=GROUPS["payers"], erase=_erase_payers),
    Eraser(name="measures", classes=GROUPS["measures"], erase=_erase_measures),
    Eraser(name="entries", classes=GROUPS["entries"], erase=_erase_entries),
    Eraser(name="people", classes=GROUPS["people"], erase=_erase_people),
    Eraser(name="motives", classes=GROUPS["motives"], erase=_erase_motives),
    Eraser(name="challenges", classes=GROUPS["challenges"], erase=_erase_challenges),
    Eraser(name="structure", classes=GROUPS["structure"], erase=None),
)
"""All erasers, in the order of their runs."""


def check_erasers(catalogue: reference.Catalogue, *, erasers: Sequence[Eraser] = ERASERS) -> None:
    """Check that each retention class of the reference data (`catalogue`) has exactly one `Eraser`.

    Raises:
        LookupError: a class without an eraser, or with several; an eraser with an unknown class.
    """
    declared = {entry.code for entry in catalogue.entries(reference.Retention)}
    named = [code for eraser in erasers for code in eraser.classes]
    if wrong := sorted(declared.symmetric_difference(named)):
        raise LookupError(f"retention classes without an eraser, or unknown: {', '.join(wrong)}")
    if len(named) != len(set(named)):
        raise LookupError("a retention class has two erasers")


def horizon(eraser: Eraser, now: datetime) -> datetime:
    """Return the cut-off time before which the data of an eraser (`Eraser`) is due.

    It follows from the shortest of its retention classes, which say how long a kind of data is kept.

    Raises:
        LookupError: a class is not in force.
    """
    return cut_off(eraser.classes, now)


def expire(*, actor: Actor, now: datetime) -> dict[str, int]:
    """Erase everything due at `now`; return how many objects each `Eraser` erased, by name.

    Legal holds take precedence. An eraser that fails stops no other one. The run is an entry of the ledger,
    with these numbers and the names of the erasers that failed.

    Raises:
        LookupError: a retention class has no eraser.
        VaultNotOwn: the vault is that of another database; nothing is erased.
        ErasersFailed: erasers failed, after all the others have run.
    """
    check_erasers(reference.load())
    mark.require_own(present=False)
    erased: dict[str, int] = {}
    failed: dict[str, Exception] = {}
    for eraser in ERASERS:
        if eraser.erase is None:
            continue
        try:
            erased[eraser.name] = eraser.erase(actor, now, horizon(eraser, now))
        except Exception as failure:  # noqa: BLE001 - raised once all have run
            # By its type alone: a message of PostgreSQL quotes the row.
            log.error("the erasure of %s failed: %s", eraser.name, type(failure).__name__)
            failed[eraser.name] = failure
            connection.close_if_unusable_or_obsolete()
    ledger.record(
        actor=actor,
        action="expiry.run",
        at=now,
        detail={**erased, "failed": ",".join(sorted(failed))},
    )
    if failed:
        raise ErasersFailed(failed) from next(iter(failed.values()))
    return erased


def expire_by_night(*, actor: Actor, now: datetime) -> None:
    """Erase everything due (`expire`), unless the last run was more than 40 days before `now`.

    Then either no worker ran for so long, the database is an old backup, or the clock is wrong: which one,
    only a person can tell, who starts the next run by `fanal retention run`.

    Raises:
        LookupError, VaultNotOwn, ErasersFailed: as `expire`.
    """
    if entries.has_paused(actor=actor, since=now - LONGEST_PAUSE):
        log.error(
            "nothing was erased: the last run of the expiry is more than %d days old. If the clock of this "
            "machine is right, start it by 'fanal retention run'",
            LONGEST_PAUSE.days,
        )
        return
    expire(actor=actor, now=now)
