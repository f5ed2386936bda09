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
    """Check that a third person may vouch for the blocking of a protected name.

    Raises:
        Refusal: NOT_PROTECTED, THIRD_PERSON (they drafted, wrote or approved it), GRANTED_BY_PROPOSER.
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
    """Check that a third person vouched for a protected name.

    Raises:
        Refusal: PROTECTED.
    """
    if view.facts.protected and view.act.state == "APPROVED":
        raise Refusal(view.act.kind, "PROTECTED")


def check_in_force(actor: Actor, act: Act, _event: Event, now: datetime) -> None:
    """Check that a name has not left the list by itself: nothing brings it back.

    Raises:
        Refusal: LAPSED.
    """
    if views.view_of(actor=actor, act=act, now=now).lapsed:
        raise Refusal(act.kind, "LAPSED")


def check_review(actor: Actor, act: Act, _event: Event, _now: datetime) -> None:
    """Check that another person reviews a freeing.

    Raises:
        Refusal: OTHER_PERSON.
    """
    check_other(actor, act, "free")


def check_lift(actor: Actor, act: Act, event: Event, now: datetime) -> None:
    """Check that an act is lifted as lapsed only if it has.

    Raises:
        Refusal: NOT_LAPSED.
    """
    lapsed = views.view_of(actor=actor, act=act, now=now).lapsed
    if event.outcome == LiftOutcome.LAPSED and not lapsed:
        raise Refusal(act.kind, "NOT_LAPSED")
