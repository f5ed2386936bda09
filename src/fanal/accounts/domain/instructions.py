"""Standing instructions: signed permission for recurring transmissions without a person's act each time.

An instruction is an append-only row, of which expiry erases the grounds only. It requires approval by a
second person, and anybody with the right may revoke it. Whether it is in force at an instant is computed from
its stored instants, never stored itself.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fanal.kernel.refusal import Refusal
from fanal.kernel.states import StateTable, move
from fanal.kernel.texts import stripped
from fanal.ledger.domain.records import ObjectRef

LONGEST = timedelta(days=366)
"""An instruction lasts one year at most; a database constraint enforces the same limit."""
LONGEST_GROUNDS = 4000
LONGEST_REASON = 2000
LONGEST_NAME = 200
MOST_NAMES = 100
_BASIS = re.compile(r"[^\W_][\w .,:;()/°§’'-]{1,79}")


class InstructionKind(StrEnum):
    """A kind of recurring transmission that a standing instruction permits, without a decision each time.

    FEEDBACK to providers; DISTRIBUTION of reports to other desks; LIST_SERVICE and LIST_FETCH: lists served
    to organisations, or fetched from them; DECONFLICTION: comparison of identifiers with counterparts;
    BLOCKLIST: publication of the blocking list.
    """

    FEEDBACK = "FEEDBACK"
    """The desk's feedback on a provider's reports, sent to that provider; `names` are providers."""
    DISTRIBUTION = "DISTRIBUTION"
    """Packages for another competent desk; `names` are recipients."""
    LIST_SERVICE = "LIST_SERVICE"
    """Entries of lists of known material, served to the organisations in `members`; `names` are lists."""
    LIST_FETCH = "LIST_FETCH"
    """Entries fetched from partners' lists; `names` are lists."""
    DECONFLICTION = "DECONFLICTION"
    """Blinded sets of identifiers for private set intersection with counterparts; `names` are
    counterparts.
    """
    BLOCKLIST = "BLOCKLIST"
    """New names of the blocking list, published to access providers; `names` are digests of large changes."""


class InstructionState(StrEnum):
    """State of a standing instruction at an instant.

    WAITING: nobody has approved it; TO_COME: approved, its period has not begun; IN_FORCE: transmissions may
    be made under it; EXPIRED: its period has ended, approved or not; REVOKED: a person ended it.
    """

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
"""`begin` and `expire` happen by the passing of time: no row is written for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstruction:
    """A standing instruction to propose; empty `names` cover every name of its kind.

    `names` are those of providers, recipients, lists or counterparts; `grounds` the reasons, `basis` the
    legal basis. It applies from `valid_from` to `expires_at` (excluded). `members` are the organisations that
    may read the lists of a LIST_SERVICE; there they must be named, for other kinds they are empty.
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
    """A stored standing instruction: permission for recurring transmissions without an act each time.

    `proposer_id` proposed it, `second_id` approved it at `seconded_at`, `revoked_by` revoked it at
    `revoked_at` for `revocation_reason`; None (or "") before. `grounds` are its reasons, `basis` the legal
    basis. It applies from `valid_from` to `expires_at` (excluded). `names` are the providers, recipients,
    lists or counterparts (by its kind) to which it applies; empty: all. `members` are the organisations that
    may read the lists of a LIST_SERVICE.
    """

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
        """Return the state at `now`: awaiting approval, to come, in force, expired or revoked."""
        state = INSTRUCTION.initial
        if self.seconded_at is not None and now >= self.seconded_at:
            state = INSTRUCTION.apply(state, "second")
            if now >= self.valid_from:
                state = INSTRUCTION.apply(state, "begin")
        if self.revoked_at is not None and self.revoked_at <= now:
            return INSTRUCTION.apply(state, "revoke")
        return INSTRUCTION.apply(state, "expire") if now >= self.expires_at else state

    def covers(self, name: str) -> bool:
        """Return whether the standing instruction covers `name`; one without `names` covers every name.

        By its kind, a name is that of a provider, recipient, list or counterpart in de-confliction.
        """
        return not self.names or name in self.names

    @property
    def cited(self) -> dict[str, str | int]:
        """The `detail` for the ledger entry of a transmission: this instruction's id as text.

        The only key is `instruction`.
        """
        return {"instruction": str(self.id)}

    @property
    def reference(self) -> ObjectRef:
        """The reference (`ObjectRef`) to the instruction, for ledger entries of transmissions.

        The history of the instruction lists every entry that carries it, and so every transmission made
        under it.
        """
        return ObjectRef(kind="instruction", id=self.id)


def checked(asked: NewInstruction) -> NewInstruction:
    """Validate a proposed standing instruction, which permits recurring transmissions to others.

    The result has trimmed texts, and sorted, unique `names` and `members`.

    Raises:
        Refusal: GROUNDS (blank, or over 4 000 characters), BASIS (not a legal basis of at most 80
            characters), NAMES (over 100, or over 200 characters each), MEMBERS (likewise, or given for
            another kind than LIST_SERVICE, which requires them), DATES: the end is not after the start, or
            over 366 days later.
    """
    grounds, basis = stripped(asked.grounds), " ".join(asked.basis.split())
    if not 0 < len(grounds) <= LONGEST_GROUNDS or not _storable(grounds):
        raise Refusal("instruction", "GROUNDS")
    if not _BASIS.fullmatch(basis):
        raise Refusal("instruction", "BASIS")
    names, members = _in_order(asked.names), _in_order(asked.members)
    if len(names) > MOST_NAMES or not all(map(_is_name, names)):
        raise Refusal("instruction", "NAMES")
    if len(members) > MOST_NAMES or not all(map(_is_name, members)):
        raise Refusal("instruction", "MEMBERS")
    if bool(members) is not (asked.kind is InstructionKind.LIST_SERVICE):
        raise Refusal("instruction", "MEMBERS")
    if not asked.valid_from < asked.expires_at <= asked.valid_from + LONGEST:
        raise Refusal("instruction", "DATES")
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
    """Validate the reason for a revocation and return it trimmed.

    Raises:
        Refusal: REASON: it is blank, over 2 000 characters, or has control characters.
    """
    words = stripped(reason)
    if not 0 < len(words) <= LONGEST_REASON or not _storable(words):
        raise Refusal("instruction", "REASON")
    return words


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({" ".join(name.split()) for name in names}))


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _storable(text: str) -> bool:
    """Return whether a text has no control characters except line breaks and tabs, and no lone surrogates."""
    return all(c in "\n\r\t" or unicodedata.category(c) not in {"Cc", "Cs"} for c in text)
