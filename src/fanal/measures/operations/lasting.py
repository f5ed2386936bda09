"""Operations shared by measures that last until they are lifted (blocking, dereferencing), and by appeals."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.casework import queries as acts
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act, Event
from fanal.casework.operations import approvals as casework
from fanal.casework.operations.acts import ActUnknown, record_caused, take_step
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.measures.domain.drafting import MAX_TEXT
from fanal.measures.domain.records import DoubtCause, LiftOutcome, Measure
from fanal.measures.queries import get_measure
from fanal.orient.domain.deciding import UNSTORABLE

Rests = Callable[[Sequence[UUID]], Mapping[UUID, UUID]]
"""Returns the removal request on which each act of a kind rests, by the act's id."""
Check = Callable[[Actor, Act, Event, datetime], None]
"""An additional check of a step at an instant: it raises a refusal."""


def record_doubts(  # noqa: PLR0913 - those of a doubt, and what the kind adds
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    rests: Rests,
    cause: str,
    report_id: UUID,
    act_id: UUID | None,
    proof: str,
    now: datetime,
) -> None:
    """Record a doubt about the blockings or dereferencings on a report, whose basis has become doubtful.

    `lifecycle` is that of the kind of act; `rests` returns the removal request on which each act rests.
    `cause` is a code of `DoubtCause`, or ANNULLED: a court annulled the removal request, which lifts the acts
    at once, with `proof` as the words of the proof. With `act_id`, only the act of this id, and those that
    rest on the request of this id, are concerned. Called in the transaction of the cause
    (`casework.operations.doubts`).

    Raises:
        Refused: the actor may not cause it at that desk.
    """
    found = acts.acts_on(actor=actor, lifecycle=lifecycle, subject_ids=[report_id])
    on_report = found.get(report_id, ())
    removals = rests([act.id for act in on_report])
    annulled = cause == LiftOutcome.ANNULLED
    transition = "lift" if annulled else "doubt"
    outcome = LiftOutcome.ANNULLED if annulled else DoubtCause(cause)
    for act in on_report:
        if act_id is not None and act_id not in {act.id, removals.get(act.id)}:
            continue
        if transition in lifecycle.allowed(act.state):
            record_caused(
                actor=actor,
                lifecycle=lifecycle,
                act_id=act.id,
                transition=transition,
                event=Event(happened_at=now, outcome=outcome, proof=proof),
                now=now,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingSteps:
    """How the steps of one kind of act are recorded: blocking, mirror, dereferencing or appeal.

    `lifecycle` is that of the kind of act. `reasoned` are the names of the transitions that need a reason,
    `checks` the additional checks of the kind, by transition.
    """

    lifecycle: Lifecycle
    reasoned: Collection[str]
    checks: Mapping[str, Check]

    def record(
        self, *, actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime
    ) -> UUID:
        """Record the step `transition` of the act `act_id`; return the id of its report.

        `event` holds the instant, proof, reason and outcome of the step.

        Raises:
            Refusal: NO_REASON (a transition of `reasoned` has none), a code of the check, or one of
                `casework.operations.acts.take_step`.
            ActUnknown, TransitionRefused, Refused, OSError: from `take_step`.
        """

        def before(act: Act, event: Event) -> Event:
            if transition in self.reasoned and not stripped(event.reason):
                raise Refusal(self.lifecycle.kind, "NO_REASON")
            if (check := self.checks.get(transition)) is not None:
                check(actor, act, event, now)
            return event

        return take_step(
            actor=actor,
            lifecycle=self.lifecycle,
            act_id=act_id,
            transition=transition,
            event=event,
            before=before,
            now=now,
        )


def erase_ended(
    *, actor: Actor, kind: str, function: str, act_ids: Sequence[UUID], now: datetime
) -> int:
    """Erase the texts of those acts of a kind that have ended; return how many had any.

    `function` is the name of the database function that empties the kind's own table for `act_ids` and
    returns the acts that have ended. The caller has already checked retention periods and legal holds. The
    operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        rows = sql.rows(f"SELECT {function}(%s::uuid[])", [list(act_ids)])
        ended = [row[0] for row in rows]
        return casework.erase_words(actor=actor, kind=kind, act_ids=ended, now=now)


def removal_of(actor: Actor, removal_id: UUID) -> Measure:
    """Return the removal request on which a blocking or dereferencing rests.

    Raises:
        ActUnknown: the actor may read no such request.
        DelayMissing: as `queries.get_measure`.
    """
    found = get_measure(actor=actor, measure_id=removal_id)
    if found is None:
        raise ActUnknown(str(removal_id))
    return found.measure


def check_not_annulled(*, kind: str, removal_id: UUID, host: str) -> None:
    """Check that no court has annulled a blocking of this host name on the same removal request.

    The ruling of a court of appeal counts in place of the first one. `kind` is that of the new act.

    Raises:
        Refusal: ANNULLED.
    """
    annulled = sql.rows(
        "SELECT FROM measures_blocking b JOIN measures_appeal a ON a.contested_id = b.act_id"
        " WHERE b.removal_id = %s AND b.host = %s"
        " AND coalesce(nullif(a.final_ruling, ''), a.ruling) = 'ANNULLED'",
        [removal_id, host],
    )
    if annulled:
        raise Refusal(kind, "ANNULLED")


def is_contested(removal_id: UUID) -> bool:
    """Return whether a court has yet to rule on an appeal against a removal request, or on a further one."""
    return bool(
        sql.rows(
            "SELECT FROM measures_appeal a JOIN casework_act c ON c.id = a.act_id"
            " WHERE a.contested_id = %s AND c.state IN ('FILED', 'HEARD', 'APPEALED')",
            [removal_id],
        )
    )


def check_other(actor: Actor, act: Act, transition: str) -> None:
    """Check that the actor is not the person who last made the step `transition` of this act.

    Raises:
        Refusal: OTHER_PERSON, of the act's kind.
    """
    steps = acts.steps_of(act_ids=[act.id]).get(act.id, ())
    taken = [one.actor_id for one in steps if one.transition == transition]
    if actor.person_id in taken[-1:]:
        raise Refusal(act.kind, "OTHER_PERSON")


def readable(text: str, *, kind: str) -> str:
    """Check an officer's text and return it without white space around it.

    It must not be too long, nor contain characters that cannot be stored. `kind` is the kind of the act.

    Raises:
        Refusal: TEXT_UNREADABLE, of that kind.
    """
    if len(text) > MAX_TEXT or UNSTORABLE.search(text):
        raise Refusal(kind, "TEXT_UNREADABLE")
    return text.strip()
