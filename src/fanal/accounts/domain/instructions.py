"""Standing instructions: what may leave the desk by itself, who signed it, until when.

An instruction is a row that never changes. A second person seconds it, anybody who may ends it; whether it
is in force at an instant is a function of those stored instants, never a field that somebody sets.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fanal.kernel.states import StateTable, move
from fanal.ledger.domain.records import ObjectRef

LONGEST = timedelta(days=366)
"""An instruction lasts one year at most; the database holds the same bound."""
LONGEST_GROUNDS = 4000
LONGEST_REASON = 2000
LONGEST_NAME = 200
MOST_NAMES = 100
_BASIS = re.compile(r"[^\W_][\w .,:;()/°§’'-]{1,79}")


class InstructionKind(StrEnum):
    """What an instruction lets leave, or be fetched, without a person's act each time."""

    FEEDBACK = "FEEDBACK"
    """What the desk says of a provider's reports, to that provider; names are those of providers."""
    DISTRIBUTION = "DISTRIBUTION"
    """Packages for another competent desk; names are those of recipients."""
    LIST_SERVICE = "LIST_SERVICE"
    """Entries of lists of known material, to the members it names; names are those of lists."""
    LIST_FETCH = "LIST_FETCH"
    """Entries fetched from partners' lists; names are those of lists."""
    DECONFLICTION = "DECONFLICTION"
    """Sets of identifiers under secrets, to counterparts; names are those of counterparts."""


class InstructionState(StrEnum):
    """Where an instruction stands at an instant."""

    WAITING = "WAITING"
    TO_COME = "TO_COME"
    IN_FORCE = "IN_FORCE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


INSTRUCTION = StateTable(
    name="instruction",
    initial=InstructionState.WAITING,
    final=frozenset({InstructionState.EXPIRED, InstructionState.REVOKED}),
    transitions=(
        move("second", [InstructionState.WAITING], InstructionState.TO_COME),
        move("begin", [InstructionState.TO_COME], InstructionState.IN_FORCE),
        move(
            "expire",
            [InstructionState.WAITING, InstructionState.TO_COME, InstructionState.IN_FORCE],
            InstructionState.EXPIRED,
        ),
        move(
            "revoke",
            [InstructionState.WAITING, InstructionState.TO_COME, InstructionState.IN_FORCE],
            InstructionState.REVOKED,
        ),
    ),
)
"""`begin` and `expire` are the passing of time: no row is written for them."""


class InstructionRefused(Exception):
    """An instruction cannot take this step; `code` says why (words: label `instruction_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstruction:
    """An instruction to propose; no `names` means everybody of its kind. Half-open in time.

    `members` are the organisations that may read the lists of a LIST_SERVICE, never everybody.
    """

    kind: InstructionKind
    grounds: str
    basis: str
    valid_from: datetime
    expires_at: datetime
    names: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingInstruction:
    """One instruction with its signatures; `names` empty means everybody of its kind."""

    id: UUID
    kind: InstructionKind
    names: tuple[str, ...]
    grounds: str
    basis: str
    valid_from: datetime
    expires_at: datetime
    proposer_id: UUID
    proposed_at: datetime
    members: tuple[str, ...] = ()
    second_id: UUID | None = None
    seconded_at: datetime | None = None
    revoked_by: UUID | None = None
    revoked_at: datetime | None = None
    revocation_reason: str = ""

    def state(self, now: datetime) -> InstructionState:
        """Return where it stands at `now`."""
        state = INSTRUCTION.initial
        if self.seconded_at is not None and now >= self.seconded_at:
            state = INSTRUCTION.apply(state, "second")
            if now >= self.valid_from:
                state = INSTRUCTION.apply(state, "begin")
        if self.revoked_at is not None and self.revoked_at <= now:
            return INSTRUCTION.apply(state, "revoke")
        return INSTRUCTION.apply(state, "expire") if now >= self.expires_at else state

    def covers(self, name: str) -> bool:
        """Return whether its scope reaches `name`; an instruction for everybody reaches all."""
        return not self.names or name in self.names

    @property
    def cited(self) -> dict[str, str | int]:
        """What the detail of each ledger entry says of the instruction under which something left."""
        return {"instruction": str(self.id)}

    @property
    def reference(self) -> ObjectRef:
        """Return the standing instruction as a reference (`ObjectRef`) for ledger entries.

        An entry that carries it appears in the instruction's history, which so lists every transmission
        made under it.
        """
        return ObjectRef(kind="instruction", id=self.id)


def checked(asked: NewInstruction) -> NewInstruction:
    """Return what is asked, its texts without outer blanks and its names in order, each once.

    Raises:
        InstructionRefused: GROUNDS, BASIS, NAMES, MEMBERS or DATES.
    """
    grounds, basis = asked.grounds.strip(), " ".join(asked.basis.split())
    if not 0 < len(grounds) <= LONGEST_GROUNDS or not _storable(grounds):
        raise InstructionRefused("GROUNDS")
    if not _BASIS.fullmatch(basis):
        raise InstructionRefused("BASIS")
    names, members = _in_order(asked.names), _in_order(asked.members)
    if len(names) > MOST_NAMES or not all(map(_is_name, names)):
        raise InstructionRefused("NAMES")
    if len(members) > MOST_NAMES or not all(map(_is_name, members)):
        raise InstructionRefused("MEMBERS")
    if bool(members) is not (asked.kind is InstructionKind.LIST_SERVICE):
        raise InstructionRefused("MEMBERS")
    if not asked.valid_from < asked.expires_at <= asked.valid_from + LONGEST:
        raise InstructionRefused("DATES")
    return NewInstruction(
        kind=asked.kind,
        grounds=grounds,
        basis=basis,
        names=names,
        members=members,
        valid_from=asked.valid_from,
        expires_at=asked.expires_at,
    )


def checked_reason(reason: str) -> str:
    """Return the reason of a revocation without outer blanks.

    Raises:
        InstructionRefused: REASON.
    """
    words = reason.strip()
    if not 0 < len(words) <= LONGEST_REASON or not _storable(words):
        raise InstructionRefused("REASON")
    return words


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({" ".join(name.split()) for name in names}))


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _storable(text: str) -> bool:
    """Return whether a text holds no control but line breaks and tabs, and no half of a character."""
    return all(c in "\n\r\t" or unicodedata.category(c) not in {"Cc", "Cs"} for c in text)
