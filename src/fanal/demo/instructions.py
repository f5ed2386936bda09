"""Demo events of standing instructions in each state: two in force, one expired, one revoked, one waiting."""

from datetime import datetime, timedelta
from uuid import UUID

from fanal.accounts import operations as accounts
from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.demo.world import HOTLINE, DemoEvent, World

_DAY = timedelta(days=1)
_MEMBERS = (HOTLINE, "Chatoria", "Pixelnest", "Castlequest")
_BASIS = "DÉMO, à valider par un juriste"


def events() -> list[DemoEvent]:
    """Return the events of standing instructions, oldest first."""
    return [
        DemoEvent(before=timedelta(days=280), play=_distribution),
        DemoEvent(before=timedelta(days=120), play=_feedback),
        DemoEvent(before=timedelta(days=60), play=_lists),
        DemoEvent(before=timedelta(days=30), play=_revoked),
        DemoEvent(before=timedelta(days=2), play=_waiting),
    ]


def _feedback(world: World, at: datetime) -> None:
    grounds = (
        "Chaque fournisseur peut relire, pour ses propres signalements seulement, ce que le service en a "
        "dit : utile, doublon, ou données manquantes avec leurs noms. Ni décision, ni suite, ni texte "
        "libre. Un humain n’a pas à relire chaque code : les valeurs possibles sont fermées."
    )
    _second(world, at, _propose(world, at, _asked(InstructionKind.FEEDBACK, grounds, at, days=300)))


def _lists(world: World, at: datetime) -> None:
    grounds = (
        "Les entrées des listes d’empreintes du service sont servies aux fournisseurs habilités, sans "
        "image ni adresse, pour empêcher la remise en ligne de contenus déjà constatés."
    )
    asked = _asked(InstructionKind.LIST_SERVICE, grounds, at, days=180, members=_MEMBERS)
    _second(world, at, _propose(world, at, asked))


def _distribution(world: World, at: datetime) -> None:
    grounds = "Les signalements d’un autre ressort partent chaque nuit vers l’antenne compétente."
    asked = _asked(InstructionKind.DISTRIBUTION, grounds, at, days=90, names=("Antenne Ouest",))
    _second(world, at, _propose(world, at, asked))


def _revoked(world: World, at: datetime) -> None:
    grounds = "Retour détaillé à un fournisseur pendant l’essai de son nouveau client."
    asked = _asked(InstructionKind.FEEDBACK, grounds, at, days=60, names=("Castlequest",))
    made, later = _propose(world, at, asked), at + 2 * _DAY
    _second(world, at, made)
    accounts.revoke_instruction(
        actor=world.person("claire", later),
        instruction_id=made,
        reason="L’essai est terminé.",
        now=later,
    )


def _waiting(world: World, at: datetime) -> None:
    grounds = "Les listes des partenaires sont relevées chaque heure et tenues à part des nôtres."
    _propose(world, at, _asked(InstructionKind.LIST_FETCH, grounds, at, days=200), login="helene")


def _asked(
    kind: InstructionKind,
    grounds: str,
    at: datetime,
    *,
    days: int,
    names: tuple[str, ...] = (),
    members: tuple[str, ...] = (),
) -> NewInstruction:
    return NewInstruction(
        kind=kind,
        names=names,
        members=members,
        grounds=grounds,
        basis=_BASIS,
        valid_from=at,
        expires_at=at + days * _DAY,
    )


def _propose(world: World, at: datetime, asked: NewInstruction, *, login: str = "claire") -> UUID:
    return accounts.propose_instruction(actor=world.person(login, at), instruction=asked, now=at)


def _second(world: World, at: datetime, instruction_id: UUID) -> None:
    later = at + _DAY
    accounts.second_instruction(
        actor=world.person("helene", later), instruction_id=instruction_id, now=later
    )
