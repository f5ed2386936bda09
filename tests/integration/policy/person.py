"""What stands before the acts on a person's account, and before resets of a sign-in."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from fanal.accounts.domain.records import DeskDetails, NewAccount
from fanal.accounts.models import Reset, User
from fanal.accounts.operations.changes import account_state, close_account
from fanal.accounts.operations.desks import add_desk
from fanal.accounts.operations.people import create_account
from fanal.accounts.operations.resets import ResetReason, propose_reset, withdraw_reset
from fanal.desks import close_desk
from tests.integration.policy.scenes import SYSTEM, Posted, Scene


def seen(scene: Scene) -> Posted:
    """What the page says that it showed of the account."""
    return _shown(scene.world.users[None].person_id)


def closed(_scene: Scene) -> Posted:
    """Have a closed account."""
    account = NewAccount(username=f"left-{uuid4()}", name="Somebody Who Left")
    user = create_account(actor=SYSTEM, account=account, now=datetime.now(UTC))
    close_account(actor=SYSTEM, person_id=user.person_id, now=datetime.now(UTC))
    return _shown(user.person_id)


def _shown(person_id: UUID) -> Posted:
    found = User.objects.get(person_id=person_id)
    shown = account_state(
        email=found.email,
        name=found.person.name,
        active=found.is_active,
        session_epoch=found.session_epoch,
    )
    return Posted(form={"seen": shown}, address={"person_id": person_id})


def empty_desk(_scene: Scene) -> Posted:
    """Have an open desk where nothing is left."""
    code = uuid4().hex[:12].upper()
    number = add_desk(
        actor=SYSTEM, code=code, details=DeskDetails(name=code), now=datetime.now(UTC)
    )
    return Posted(address={"desk_number": number})


def closed_desk(scene: Scene) -> Posted:
    """Have a closed desk."""
    posted = empty_desk(scene)
    close_desk(actor=SYSTEM, desk_id=posted.address["desk_number"], now=datetime.now(UTC))
    return posted


def no_reset(scene: Scene) -> Posted:
    """Have no reset of the person open."""
    withdraw_reset(actor=scene.keeper, reset_id=scene.world.reset_id, now=datetime.now(UTC))
    return Posted()


def of_the_walker(scene: Scene) -> Posted:
    """Have a reset of the walker's own sign-in proposed."""
    user, now = scene.world.users.get(scene.walker), datetime.now(UTC)
    if user and not Reset.objects.filter(person_id=user.person_id).exists():
        propose_reset(
            actor=SYSTEM,
            person_id=user.person_id,
            factors=False,
            reason=ResetReason.LOST,
            now=now,
        )
    return Posted()


OWN = frozenset({of_the_walker})
