"""What accounts publishes to the packages above."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from fanal.kernel.actors import Actor, Role

# Logins in the one form in which they are stored, compared and locked out.

MAXIMUM_LOGIN = 150
_LOGIN = re.compile(r"[\w.@+-]+")


def likeness_key(name: str) -> str:
    """Return what two spellings of one person's name share: letters without accents or case, words in order.

    >>> likeness_key("AUTIER  Clairé") == likeness_key("Claire Autier")
    True
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(sorted(kept.split()))


def canonical_login(text: str) -> str:
    """Return `text` in NFKC, lower case, without outer blanks: `ＡNA ` and `ana` are one account.

    Lock-out counts on this form, so that variants of a login give no further attempts.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return folded.strip()


def is_login(text: str) -> bool:
    """Return whether an account may be called so: letters, digits and `@ . + - _`, 1 to `MAXIMUM_LOGIN`."""
    return len(text) <= MAXIMUM_LOGIN and _LOGIN.fullmatch(text) is not None


def login_from_name(name: str) -> str:
    """Return a login for a body's name: ASCII letters, digits and single hyphens, or `partner`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return "-".join(words)[:100] or "partner"


class OrganisationKind(StrEnum):
    """What a body is to the desk."""

    PARTNER = "PARTNER"
    PROVIDER = "PROVIDER"
    LABORATORY = "LABORATORY"
    AUTHORITY = "AUTHORITY"


class ReviewVerdict(StrEnum):
    """What a quarterly review says of a habilitation."""

    KEEP = "KEEP"
    REVOKE = "REVOKE"


class RevocationReason(StrEnum):
    """Why a habilitation ends before its date."""

    LEFT = "LEFT"
    MOVED = "MOVED"
    REVIEW = "REVIEW"
    INCIDENT = "INCIDENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerIdentity:
    """A partner's program, authenticated. `actor` reaches the partner's own reports only."""

    partner_id: UUID
    partner: str
    login: str
    credential_id: UUID
    quota_per_minute: int | None
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredentials:
    """The secrets of a new credential, in clear: shown once, never stored."""

    partner: str
    user: str
    password: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to open for a new person; without a password it signs in by OIDC only."""

    username: str
    name: str
    password: str | None = None
    email: str = ""
    organisation_id: UUID | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHabilitation:
    """A habilitation to grant: who, which role, where, on which act, from when to when (half-open)."""

    person_id: UUID
    role: Role
    act_reference: str
    valid_from: datetime
    valid_until: datetime
    desk_id: int | None = None
    organisation_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRecord:
    """A desk: its number in rows (`desk_id`), its code, its name on pages and letters, whom to call."""

    id: int
    code: str
    name: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRecord:
    """An access of a body's programs as its people see it."""

    login: str
    created_at: datetime
    revoked_at: datetime | None
    quota_per_minute: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUse:
    """An access of a provider's programs: its quota, and the calls of the fullest minute of the last hour."""

    login: str
    quota_per_minute: int | None
    revoked_at: datetime | None
    peak: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """One account as lists show it: who, which body, whether it signs in, and the roles in force."""

    person_id: UUID
    login: str
    name: str
    organisation: str = ""
    active: bool = True
    opened_at: datetime | None = None
    last_sign_in: datetime | None = None
    roles: tuple[Role, ...] = ()


class Likeness(StrEnum):
    """What two people's accounts share, from the weakest to the strongest sign of one human."""

    NAME = "NAME"
    ADDRESS = "ADDRESS"
    SUBJECT = "SUBJECT"
    KEY = "KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeAccount:
    """An account that resembles the one looked at, and in what: name, mail address, key of a factor."""

    login: str
    by: tuple[Likeness, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HabilitationRecord:
    """One habilitation as pages and reviews show it; instants are aware.

    `waits` says that its second granter has not signed; `alike` are other people's accounts that
    share a name, an address, a sign-in or a key with this person's.
    """

    id: UUID
    person_id: UUID
    person: str
    role: Role
    desk_id: int | None
    desk: str
    organisation: str
    act_reference: str
    valid_from: datetime
    valid_until: datetime
    granted_by: str
    granted_by_id: UUID
    revoked_at: datetime | None
    revocation_reason: str
    reviewed_at: datetime | None
    reviewed_by: str
    waits: bool = False
    approved_by: str = ""
    granted_at: datetime | None = None
    approved_at: datetime | None = None
    alike: tuple[AlikeAccount, ...] = ()

    @property
    def last_instant(self) -> datetime:
        """Return the last instant of the habilitation: `valid_until` itself lies after it."""
        return self.valid_until - timedelta(microseconds=1)

    def in_force(self, now: datetime) -> bool:
        """Return whether the habilitation gives rights at `now`: half-open, approved, not revoked."""
        if self.waits:
            return False
        if self.revoked_at is not None and self.revoked_at <= now:
            return False
        return self.valid_from <= now < self.valid_until
