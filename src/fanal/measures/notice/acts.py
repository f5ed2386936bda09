"""Operations and queries of notices: drafted with a decision, completed by a person, counted."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from fanal import reference
from fanal.casework import queries as acts
from fanal.casework.domain.inbox import Inbox
from fanal.casework.domain.records import Act, ActDraft, Addressee, Opening
from fanal.casework.operations.acts import amend_act, open_act
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.figures import Counted
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.measures.domain.drafting import MAX_TEXT, check_provider, targets_of
from fanal.measures.notice.document import Notice, read_notice, write_notice
from fanal.measures.notice.kind import NOTICE, WAITING, NoticeState
from fanal.measures.notice.rules import ground_of, hosts_of
from fanal.measures.operations import issuing_authority
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import Track


def open_from_decision(*, actor: Actor, opening: Opening, now: datetime) -> tuple[UUID, ...]:
    """Draft one notice for each host of a report, in the transaction of the decision; return their ids.

    `opening` holds the decision and its report. In the order of the hosts in the report.

    Raises:
        Refusal: NOT_THE_DECISION (not the actor's, or without the track NOTICE), NO_GROUND (no legal basis of
            the decision allows a notice), NO_TARGET (no address with a known host).
        Refused: the actor may not propose notices at that desk.
    """
    decision = opening.decision
    if Track.NOTICE not in decision.tracks or decision.author_id != actor.person_id:
        raise Refusal("notice", "NOT_THE_DECISION")
    offence = ground_of(decision.bases, catalogue=reference.load(), on=paris_day(now))
    drafts = [
        Notice(
            number=new_id(now),
            host=host,
            targets=addresses,
            offence=offence.code,
            offence_entry=offence.entry_id,
            flagger=issuing_authority.flagger(),
        )
        for host, addresses in hosts_of(targets_of(opening.report)).items()
    ]
    return tuple(
        open_act(
            actor=actor,
            lifecycle=NOTICE,
            draft=ActDraft(
                id=notice.number,
                desk_id=decision.desk_id,
                subject_id=decision.report_id,
                report_ids=(decision.report_id,),
                decision_id=decision.id,
                addressee="HOST",
                basis=msgspec.json.encode(decision.bases),
                level=opening.level,
                content=_written(notice),
            ),
            now=now,
        )
        for notice in drafts
    )


def amend_notice(
    *,
    actor: Actor,
    notice_id: UUID,
    addressee: Addressee,
    targets: Sequence[str],
    reasons: str,
    now: datetime,
) -> None:
    """Complete or change an unsent notice; it becomes a draft again.

    `addressee` is the provider, `targets` are the addresses to keep, `reasons` the text of the notice.

    Raises:
        ActUnknown: no notice has this id.
        Refusal: ADDRESSEE_UNREADABLE (a letter cannot name the recipient, see `check_addressee`),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate), NO_TARGET (no address is
            kept), FOREIGN_TARGET (an address that the notice did not have), EXPIRED (its document was
            erased).
        TransitionRefused: it was sent.
        Refused: the actor may not propose notices at that desk.
    """
    check_provider(addressee, kind="notice")
    if len(reasons) > MAX_TEXT or UNSTORABLE.search(reasons):
        raise Refusal("notice", "TEXT_UNREADABLE")
    kept = tuple(dict.fromkeys(targets))

    def amended(content: bytes) -> bytes:
        before = read_notice(content).notice
        if not kept or not set(kept) <= set(before.targets):
            raise Refusal("notice", "FOREIGN_TARGET" if kept else "NO_TARGET")
        said = reasons.strip()
        return _written(
            msgspec.structs.replace(before, addressee=addressee, targets=kept, reasons=said)
        )

    amend_act(actor=actor, lifecycle=NOTICE, act_id=notice_id, amend=amended, now=now)


def due_at(act: Act) -> datetime | None:
    """Return the desk's own deadline for the next step of a notice; None in a final state.

    The regulation gives providers no fixed delay (“without undue delay”, art. 16(5)): the date of a reminder
    is the desk's choice.
    """
    return NOTICES.due_at(act)


def _deadline(state: str, level: str, start: datetime) -> datetime:
    stage = "REMIND" if state in WAITING else "SEND" if state == NoticeState.APPROVED else "SECOND"
    return desk_deadline(catalogue=reference.load(), stage=stage, level=level, start=start)


NOTICES = Inbox(lifecycle=NOTICE, awaited=frozenset(map(str, WAITING)), deadline=_deadline)
"""The inbox of notices."""


def count_notices(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the notices created from `since` to `until` (excluded), by day and outcome.

    The rows are (day, outcome, "" for the unused second key, number); a notice without an outcome is counted
    under its state.

    Raises:
        Refused: the actor may not read statistics.
    """
    return acts.count_acts(actor=actor, lifecycle=NOTICE, since=since, until=until)


def count_waiting(*, actor: Actor) -> dict[str, int]:
    """Count the unsent notices of all desks by state: DRAFT, TO_SECOND (awaits approval), APPROVED.

    Raises:
        Refused: the actor may not read statistics.
    """
    places = {"DRAFT": "DRAFT", "TO_SECOND": "TO_APPROVE", "APPROVED": "APPROVED"}
    return {
        code: acts.count_in(actor=actor, lifecycle=NOTICE, states=[state])
        for code, state in places.items()
    }


def _written(notice: Notice) -> bytes:
    def words(code: str, parameters: dict[str, str], lang: str) -> str:
        return reference.load().words.render(code, parameters, lang, kind="notice_letter")

    return write_notice(notice, issuer=issuing_authority.current(), words=words)
