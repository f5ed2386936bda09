"""The names that a standing instruction can cover; any other name is refused.

A standing instruction permits recurring transmissions of one kind without a person's act each time. The names
depend on the kind. De-confliction: counterparts (other organisations). Distribution: recipients of packages
(other desks). Service and fetch of lists: lists of known material. Blocking list: SHA-256 digests of large
changes.
"""

import re
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.policy import require
from fanal.accounts.operations import instructions as accounts
from fanal.analyse.material.queries.lists import get_lists
from fanal.deconfliction import queries as deconfliction
from fanal.distribution import queries as distribution
from fanal.kernel.actors import Actor
from fanal.kernel.ids import instant_of
from fanal.kernel.refusal import Refusal

_DIGEST = re.compile(r"[0-9a-f]{64}")
"""What names a change of the blocking list: SHA-256, hexadecimal."""


class Bearer(Struct, frozen=True, kw_only=True):
    """A recipient, counterpart or list that a standing instruction can name (`name`).

    A recipient is a desk to which packages are sent, a counterpart an organisation for de-confliction. `said`
    is its name on pages; `key` its public key, "" for a list. `since` is when a recipient or list was
    registered, or when a counterpart's present key was.
    """

    name: str
    said: str
    key: str
    since: datetime


def bearers_of(*, actor: Actor, kind: InstructionKind) -> list[Bearer]:
    """Return the recipients, counterparts or lists that a standing instruction of this kind can name.

    Recipients of packages for distribution, counterparts (organisations) for de-confliction, lists for
    serving and fetching. The result is empty for FEEDBACK, whose names `accounts` checks, and for BLOCKLIST,
    which names changes by their digests. Closed recipients and counterparts are left out; lists are in no
    particular order.

    Raises:
        Refused: the actor may not see them.
    """
    match kind:
        case InstructionKind.DECONFLICTION:
            return [
                Bearer(name=c.name, said=c.name, key=c.public_key.hex(), since=c.keyed_at)
                for c in deconfliction.list_counterparts(actor=actor)
                if c.closed_at is None
            ]
        case InstructionKind.DISTRIBUTION:
            return [
                Bearer(name=r.code, said=f"{r.code}, {r.name}", key=r.key, since=r.added_at)
                for r in distribution.list_recipients(actor=actor)
                if r.closed_at is None
            ]
        case InstructionKind.LIST_SERVICE | InstructionKind.LIST_FETCH:
            return [
                Bearer(name=f.name, said=f.name, key="", since=instant_of(f.id))
                for f in get_lists().values()
            ]
        case InstructionKind.FEEDBACK | InstructionKind.BLOCKLIST:
            return []


def propose_instruction(*, actor: Actor, instruction: NewInstruction, now: datetime) -> UUID:
    """Propose a standing instruction and return its id; it awaits approval by a second person.

    A standing instruction permits recurring transmissions without an act each time. Every name in its `names`
    must exist now: a recipient, counterpart or list, or for the blocking list a SHA-256 digest.

    Raises:
        Refusal: GROUNDS, BASIS, NAMES, MEMBERS or DATES (an invalid field); PAST (it would already have
            expired); UNKNOWN_NAME (a name does not exist, or is no digest).
        Refused: the actor may not propose instructions, or not see the recipients or counterparts.
    """
    require(actor, "instruction.propose")
    if instruction.kind is InstructionKind.BLOCKLIST:
        if not all(_DIGEST.fullmatch(name.strip()) for name in instruction.names):
            raise Refusal("instruction", "UNKNOWN_NAME")
    elif instruction.kind is not InstructionKind.FEEDBACK:
        borne = {one.name for one in bearers_of(actor=actor, kind=instruction.kind)}
        if not {" ".join(name.split()) for name in instruction.names} <= borne:
            raise Refusal("instruction", "UNKNOWN_NAME")
    return accounts.propose_instruction(actor=actor, instruction=instruction, now=now)
