"""`fanal instructions`: standing instructions for automatic transfers, with approval by a second person.

A standing instruction is a dated permission for a kind of automatic transfer. `login` is that of the acting
person, `code` their one-time code (default: asked on the terminal).
"""

import json
from datetime import datetime, timedelta
from uuid import UUID

import click

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction, StandingInstruction
from fanal.cli.actors import code_option, prove
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language
from fanal.kernel import clock
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.calendar import PARIS, is_within
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

_MOTIVE = "fanal instructions"


@click.group()
def instructions() -> None:
    """Propose, approve and revoke standing instructions, which authorise automatic transmissions."""


@instructions.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.APP)
def list_(as_json: bool) -> None:
    """List the standing instructions (dated permissions for automatic transfers) with state, newest first."""
    from fanal.accounts.queries.instructions import list_instructions

    now = clock.now()
    for found in list_instructions(actor=system_actor(_MOTIVE)):
        _show(found, now=now, as_json=as_json)


@instructions.command("propose")
@click.argument("kind", type=click.Choice([kind.value for kind in InstructionKind]))
@click.option("--as", "login", required=True, help="Login of the supervisor who proposes.")
@code_option
@click.option("--grounds", required=True, help="What may be transmitted, and why.")
@click.option("--basis", required=True, help="Code of the legal basis, such as “LCEN 6-1”.")
@click.option("--name", "names", multiple=True, help="Provider, recipient or list; default: all.")
@click.option(
    "--member",
    "members",
    multiple=True,
    help="Partner that may read these lists (LIST_SERVICE); each one must be named.",
)
@click.option(
    "--until",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="Last day; it is in force once approved.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.APP)
def propose(  # noqa: PLR0913 - one for each option
    kind: str,
    login: str,
    code: str | None,
    grounds: str,
    basis: str,
    names: tuple[str, ...],
    members: tuple[str, ...],
    last: datetime,
    as_json: bool,
) -> None:
    """Propose a standing instruction of KIND and print it; a second person must approve it."""
    from fanal.bearers import propose_instruction

    now, actor = clock.now(), _person(login, "instruction.propose")
    if not is_within(last.year):
        raise Refusal("instruction", "DATES")
    asked = NewInstruction(
        kind=InstructionKind(kind),
        grounds=grounds,
        basis=basis,
        names=names,
        members=members,
        valid_from=now,
        expires_at=last.replace(tzinfo=PARIS) + timedelta(days=1),
    )
    prove(login, code)
    made = propose_instruction(actor=actor, instruction=asked, now=now)
    _show_again(actor, made, as_json=as_json)


@instructions.command("second")
@click.argument("instruction", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who approves.")
@code_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.APP)
def second(*, instruction: UUID, login: str, code: str | None, as_json: bool) -> None:
    """Approve the proposed standing instruction INSTRUCTION, as another person than its proposer.

    This is the contreseing. Prints the instruction.
    """
    from fanal.accounts.domain.policy import Reason, Refused as NotAllowed
    from fanal.accounts.operations.instructions import second_instruction

    actor = _person(login, "instruction.second")
    prove(login, code)
    try:
        second_instruction(actor=actor, instruction_id=instruction, now=clock.now())
    except NotAllowed as refused:
        if refused.reason_code is not Reason.OWN_ACT:
            raise
        raise Refusal("instruction", "SAME_PERSON") from None
    _show_again(actor, instruction, as_json=as_json)


@instructions.command("revoke")
@click.argument("instruction", type=click.UUID)
@click.option("--as", "login", required=True, help="Login of the supervisor who revokes.")
@click.option("--reason", required=True, help="Reason for the revocation.")
@code_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.APP)
def revoke(*, instruction: UUID, login: str, reason: str, code: str | None, as_json: bool) -> None:
    """Revoke the standing instruction INSTRUCTION at once; this needs one person only."""
    from fanal.accounts.operations.instructions import revoke_instruction

    actor = _person(login, "instruction.revoke")
    prove(login, code)
    revoke_instruction(actor=actor, instruction_id=instruction, reason=reason, now=clock.now())
    _show_again(actor, instruction, as_json=as_json)


def _show_again(actor: Actor, instruction_id: UUID, *, as_json: bool) -> None:
    from fanal.accounts.queries.instructions import get_instruction

    found = get_instruction(actor=actor, instruction_id=instruction_id)
    if found is not None:
        _show(found, now=clock.now(), as_json=as_json)


def _show(found: StandingInstruction, *, now: datetime, as_json: bool) -> None:
    from fanal import reference

    state = found.state(now)
    if not as_json:
        label = reference.label("instruction_state", state, language())
        names = ", ".join(found.names) or "*"
        names += f" → {', '.join(found.members)}" if found.members else ""
        click.echo(f"{found.id}  {label:14}{found.kind:13}{found.expires_at:%Y-%m-%d}  {names}")
        return
    line = {
        "id": str(found.id),
        "kind": found.kind,
        "state": state,
        "names": list(found.names),
        "members": list(found.members),
        "grounds": found.grounds,
        "basis": found.basis,
        "valid_from": found.valid_from.isoformat(),
        "expires_at": found.expires_at.isoformat(),
        "proposer": str(found.proposer_id),
        "proposed_at": found.proposed_at.isoformat(),
        "second": str(found.second_id) if found.second_id else None,
        "seconded_at": _moment(found.seconded_at),
        "revoked_at": _moment(found.revoked_at),
        "revocation_reason": found.revocation_reason or None,
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _person(login: str, action: str) -> Actor:
    """Return the actor of the person `login`, with their present roles.

    Raises:
        CommandRefused: there is no such person with a right to `action`.
    """
    from fanal.accounts import row_scope
    from fanal.accounts.domain.policy import may
    from fanal.accounts.queries.people import actor_for, find_user

    user = find_user(username=login)
    actor = actor_for(user=user, now=clock.now(), motive=_MOTIVE) if user else None
    if actor is None or not may(actor, action):
        raise CommandRefused("INSTRUCTION_NOBODY", name=login)
    row_scope.show_to(actor)
    return actor


def _moment(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
