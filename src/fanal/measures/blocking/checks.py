"""Additional checks of steps that blockings and mirrors share; the database repeats them."""

from datetime import datetime

from fanal.accounts.domain.policy import roles_at_desk
from fanal.accounts.queries.people import granted_by_alone
from fanal.casework.domain.records import Act, Event
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking import views
from fanal.measures.domain.records import LiftOutcome
from fanal.measures.operations.lasting import check_other


def check_vouch(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    """Check that a third person may approve (`vouch` for) the blocking of a protected name.

    Raises:
        Refusal: NOT_PROTECTED, THIRD_PERSON (the actor drafted, wrote or approved it), GRANTED_BY_PROPOSER
            (only these people granted the actor's role).
    """
    view = views.view_of(actor=actor, act=act, now=now)
    if not view.facts.protected:
        raise Refusal(act.kind, "NOT_PROTECTED")
    others = views.signed_by(act)
    if actor.person_id in others:
        raise Refusal(act.kind, "THIRD_PERSON")
    if granted_by_alone(
        person_id=actor.person_id,
        desk_id=act.desk_id,
        roles=roles_at_desk("blocking.vouch"),
        proposers=others,
        now=now,
    ):
        raise Refusal(act.kind, "GRANTED_BY_PROPOSER")


def check_protected(view: views.BlockingView) -> None:
    """Check that a third person has approved the blocking of a protected name.

    Raises:
        Refusal: PROTECTED, nobody has.
    """
    if view.facts.protected and view.act.state == "APPROVED":
        raise Refusal(view.act.kind, "PROTECTED")


def check_in_force(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    """Check that a blocking has not lapsed: a name that left the list at its expiry cannot return to it.

    Raises:
        Refusal: LAPSED.
    """
    if views.view_of(actor=actor, act=act, now=now).lapsed:
        raise Refusal(act.kind, "LAPSED")


def check_review(actor: Actor, act: Act, _event: Event, _now: datetime) -> None:
    """Check that the reviewer of a lifting by one person alone (`free`) is not that person.

    Raises:
        Refusal: OTHER_PERSON.
    """
    check_other(actor, act, "free")


def check_lift(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    """Check that an act which is lifted with the outcome LAPSED has lapsed.

    Raises:
        Refusal: NOT_LAPSED.
    """
    lapsed = views.view_of(actor=actor, act=act, now=now).lapsed
    if event.outcome == LiftOutcome.LAPSED and not lapsed:
        raise Refusal(act.kind, "NOT_LAPSED")
