"""Demo events of priority rule sets and of standing instructions, in each state.

A standing instruction is a dated permission, approved by two supervisors, for a kind of automatic step.
"""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import structs

from fanal import trials
from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.operations import instructions as accounts
from fanal.analyse.priority.domain.rules import PriorityRules, write_rules
from fanal.analyse.priority.operations import activate_ruleset, draft_ruleset, load_shipped
from fanal.analyse.priority.queries import current_rules
from fanal.demo.world import HOTLINE, SYSTEM, DemoEvent, World
from fanal.kernel.calendar import paris_day

# Priority rule sets: one closed, one in force, one tried, one draft.

_TRIED = 200


def events() -> list[DemoEvent]:
    """Return the demo events of priority rule sets, from the installation on."""
    return [
        DemoEvent(before=timedelta(days=400), play=_install),
        DemoEvent(before=timedelta(days=150), play=_change),
        DemoEvent(before=timedelta(days=6), play=_try),
        DemoEvent(before=timedelta(days=1), play=_begin),
    ]


def _install(_world: World, at: datetime) -> None:
    load_shipped(actor=SYSTEM, now=at)


def _change(world: World, at: datetime) -> None:
    """Draft and try priority rules with more points for one kind of offence.

    A second person activates them two days later.
    """
    name, later = "priority/voyages", at + timedelta(days=2)
    author = world.person("claire", at)
    ruleset_id = draft_ruleset(
        actor=author, body=_set(name, at, code="KIND_SEX_TOURISM", points=24), now=at
    )
    trials.try_rules(actor=author, ruleset_id=ruleset_id, limit=_TRIED, now=at)
    activate_ruleset(actor=world.person("helene", later), ruleset_id=ruleset_id, now=later)


def _try(world: World, at: datetime) -> None:
    author = world.person("claire", at)
    body = _set("priority/direct", at, code="KIND_LIVESTREAM", points=40)
    ruleset_id = draft_ruleset(actor=author, body=body, now=at)
    trials.try_rules(actor=author, ruleset_id=ruleset_id, limit=_TRIED, now=at)


def _begin(world: World, at: datetime) -> None:
    draft_ruleset(
        actor=world.person("helene", at),
        body=_set("priority/chantage", at, code="KIND_SEXTORTION", points=35),
        now=at,
    )


def _set(version: str, at: datetime, *, code: str, points: float) -> str:
    """Return the TOML text of a new `version` of the priority rules, with `points` for the rule `code`.

    It begins on the day of `at`; the other rules are those now in force.
    """
    rules: PriorityRules = current_rules()
    return write_rules(
        structs.replace(
            rules,
            version=version,
            in_force_from=paris_day(at),
            rule=tuple(
                structs.replace(rule, points=points) if rule.code == code else rule
                for rule in rules.rule
            ),
        )
    )


# Demo events of standing instructions in each state: two in force, one expired, one revoked, one waiting.

_DAY = timedelta(days=1)
_MEMBERS = (HOTLINE, "Chatoria", "Pixelnest", "Castlequest")
_BASIS = "DÉMO, à valider par un juriste"


def instruction_events() -> list[DemoEvent]:
    """Return the demo events of standing instructions (permissions for automatic steps), oldest first."""
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
