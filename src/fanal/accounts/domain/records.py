"""Records that the accounts package returns to other packages, and rules for logins and names of people."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from fanal.kernel.actors import Actor, Role

# Normal form of logins, in which they are stored, compared and locked out.

MAXIMUM_LOGIN = 150
_SIGNS = frozenset("@.+-_")


def likeness_key(name: str) -> str:
    """Return a key that is equal for spellings of one name: letters without accents or case, words sorted.

    >>> likeness_key("AUTIER  Clairé") == likeness_key("Claire Autier")
    True
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(sorted(kept.split()))


def canonical_login(text: str) -> str:
    """Normalise a login: NFKC, lower case, trimmed. `ＡNA ` and `ana` are the same account.

    Lock-out counts on this form, so that variants of a login give no further attempts.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    return folded.strip()


ERASED: Final = "[…]"
"""Replaces an erased text or name."""
RESERVED_LOGIN: Final = "erased-"
"""Prefix of the logins of erased accounts. No other account may have such a login, to avoid confusion."""
_LONGEST_NAME = 200


def is_login(text: str) -> bool:
    """Return whether a text may be the login of a new account.

    As typed and in its normal form (`canonical_login`), it must have 1 to 150 characters: letters, decimal
    digits (of any script) and `@ . + - _`. It must not begin with `erased-`, in any case: that is the prefix
    of erased accounts.
    """
    normal = canonical_login(text)
    if normal.startswith(RESERVED_LOGIN):
        return False
    return all(
        0 < len(form) <= MAXIMUM_LOGIN
        and all(sign.isalpha() or sign.isdecimal() or sign in _SIGNS for sign in form)
        for form in (text, normal)
    )


def is_person_name(text: str) -> bool:
    """Return whether a person's name is valid.

    It must have 1 to 200 printable characters, and not be the mark of an erased name (`ERASED`).
    """
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and text != ERASED


def login_from_name(name: str) -> str:
    """Derive a login from an organisation's name: ASCII letters, digits and hyphens, at most 100.

    "partner" if the name has no such letter or digit.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return "-".join(words)[:100] or "partner"


class OrganisationKind(StrEnum):
    """Kind of an organisation that works with a desk.

    PARTNER: its programs send reports to the desk and have API credentials. PROVIDER: an online service.
    LABORATORY: gets the desk's requests for examinations. AUTHORITY: a public authority.
    """

    PARTNER = "PARTNER"
    PROVIDER = "PROVIDER"
    LABORATORY = "LABORATORY"
    AUTHORITY = "AUTHORITY"


class ReviewVerdict(StrEnum):
    """Result of a quarterly review of a habilitation (grant of a role).

    KEEP: the person keeps the role. REVOKE: the person loses it.
    """

    KEEP = "KEEP"
    REVOKE = "REVOKE"


class RevocationReason(StrEnum):
    """Reason for revoking a habilitation (grant of a role) before its expiry.

    LEFT or MOVED: the person left the service or changed duties; REVIEW: the verdict of a quarterly review;
    INCIDENT: after an incident.
    """

    LEFT = "LEFT"
    MOVED = "MOVED"
    REVIEW = "REVIEW"
    INCIDENT = "INCIDENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerIdentity:
    """An authenticated program of a partner organisation (`partner_id`, `partner` its name).

    `actor` has rights on the partner's own reports only. `login` and `credential_id` are those of the API
    credential; `quota_per_minute` is the number of calls allowed in a minute, None for no limit.
    """

    partner_id: UUID
    partner: str
    login: str
    credential_id: UUID
    quota_per_minute: int | None
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredentials:
    """The secrets of a new API credential in clear text: shown once, never stored.

    `partner` is the partner's name; `user` and `password` serve HTTP Basic, `token` Bearer authentication.
    """

    partner: str
    user: str
    password: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to create for a new person.

    `username` is the login, `name` the person's name, `email` the mail address ("" without),
    `organisation_id` the person's organisation, None for the desk's own people. Without a `password` it signs
    in by OpenID Connect only. `demo` marks an account of the demo.
    """

    username: str
    name: str
    password: str | None = None
    email: str = ""
    organisation_id: UUID | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHabilitation:
    """A habilitation (formal grant of a role) to grant to a person.

    `act_reference` names the legal act that it follows. It applies from `valid_from` to `valid_until`
    (excluded). `desk_id` is the desk of a desk role, `organisation_id` the organisation of a partner's or
    laboratory's role; None where the role has none.
    """

    person_id: UUID
    role: Role
    act_reference: str
    valid_from: datetime
    valid_until: datetime
    desk_id: int | None = None
    organisation_id: UUID | None = None


PUBLIC_DESK: Final = 1
"""Number of the desk that receives what the public form and partners send; it never closes."""


class DeskWork(StrEnum):
    """Kinds of unfinished work at a desk, which must not be closed before it is finished.

    PEOPLE: people with an open account and a role at the desk that is in force, begins later or awaits
    approval. ARRIVING: reports that their sender may still complete, or that wait for a processing stage.
    REPORTS: reports to assess, or whose decision awaits approval. ALARMS: alarms that nobody has
    acknowledged. DOSSIERS: dossiers opened by a person. ACTS: official acts that have not ended. HOLDS:
    reports under a legal hold. REPORTERS: stored reports whose reporter can still write.
    """

    PEOPLE = "PEOPLE"
    ARRIVING = "ARRIVING"
    REPORTS = "REPORTS"
    ALARMS = "ALARMS"
    DOSSIERS = "DOSSIERS"
    ACTS = "ACTS"
    HOLDS = "HOLDS"
    REPORTERS = "REPORTERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskDetails:
    """What an administrator writes about a desk: names in French and English, territory and contact.

    If the English name is empty, the French one is shown in English too. Territory and contact are free texts
    for other desks.
    """

    name: str
    name_en: str = ""
    territory: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRecord:
    """A desk: a unit of the national service that handles reports.

    `id` is its number in database rows, `code` its short unique name; the next four are its `DeskDetails`:
    names in French and English, territory and contact in words. `closed_at` is the time of its closing, None
    while it is open.
    """

    id: int
    code: str
    name: str
    name_en: str
    territory: str
    contact: str
    closed_at: datetime | None

    @property
    def details(self) -> DeskDetails:
        """The names, territory and contact of the desk, which an administrator may change."""
        return DeskDetails(
            name=self.name, name_en=self.name_en, territory=self.territory, contact=self.contact
        )

    @property
    def state(self) -> str:
        """A digest (32 hex digits) of the details; a form sends back the digest that its page showed."""
        shown = json.dumps([self.name, self.name_en, self.territory, self.contact])
        return hashlib.sha256(shown.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPerson:
    """A person with roles at a desk; `active` is false if their account is closed."""

    person_id: UUID
    name: str
    roles: tuple[Role, ...]
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRecord:
    """An API credential of an organisation, as shown to its people; never the secret.

    `quota_per_minute`: calls allowed in a minute, None for no limit; `revoked_at` None: not revoked. `login`
    is the user name for HTTP Basic. `created_at` is when it was issued.
    """

    login: str
    created_at: datetime
    revoked_at: datetime | None
    quota_per_minute: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAccess(CredentialRecord):
    """An API credential of an organisation (`partner`, its name), as shown to an administrator."""

    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUse:
    """An API credential of an organisation, with its quota and its use in the last hour.

    `quota_per_minute` is the number of calls allowed in a minute, None for no limit; `peak` the largest
    number of calls in one minute, None if no calls were counted. `revoked_at` is None unless revoked. `login`
    is its user name for HTTP Basic.
    """

    login: str
    quota_per_minute: int | None
    revoked_at: datetime | None
    peak: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account as shown in lists, with the roles of its person that are in force.

    `name` is the person's; `email` is "" without an address, `organisation` (a name) "" without one. `active`
    is false for a closed account. `session_epoch` counts how often all sessions ended; `opened_at` is when
    the account was created, `last_sign_in` None before the first sign-in. `role_ends_at`: the earliest expiry
    of the roles in force, None without one.
    """

    person_id: UUID
    login: str
    name: str
    email: str = ""
    organisation: str = ""
    active: bool = True
    session_epoch: int = 0
    opened_at: datetime | None = None
    last_sign_in: datetime | None = None
    roles: tuple[Role, ...] = ()
    role_ends_at: datetime | None = None


NEEDED_ROLES: Final[Mapping[Role, int]] = {
    Role.ADMINISTRATOR: 1,
    Role.ANALYST: 1,
    Role.MEASURES_OFFICER: 1,
    Role.OVERSEER: 1,
    Role.SUPERVISOR: 2,
}
"""Persons that a desk needs, by role; two supervisors, because nobody approves their own act."""


class Likeness(StrEnum):
    """A trait shared by accounts of two persons who may be the same human, from weakest to strongest sign.

    NAME: the person's name. ADDRESS: the mail address. SUBJECT: the user at the single sign-on provider. KEY:
    a security key.
    """

    NAME = "NAME"
    ADDRESS = "ADDRESS"
    SUBJECT = "SUBJECT"
    KEY = "KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeAccount:
    """An account of another person that may belong to the same human: its login and the traits shared.

    `by` holds these traits.
    """

    login: str
    by: tuple[Likeness, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HabilitationRecord:
    """A habilitation (formal grant of a role) as shown on pages and in reviews; instants are timezone-aware.

    `person`, `granted_by`, `approved_by` and `reviewed_by` are people's names, `granted_by_id` the granter's
    id, `desk` and `organisation` names too, "" where there is none. `act_reference` names the legal act
    behind it. It applies from `valid_from` to `valid_until` (excluded). `waits`: it awaits approval by a
    second granter. `revoked_at` is None and `revocation_reason` "" unless revoked. `reviewed_at` and
    `reviewed_by`: the last review, None and "" before the first. `desk_id` is None for a role without a desk;
    `approved_at` is None before an approval. `alike` lists other people's accounts that share a name, an
    address, a sign-on subject or a security key with this person's.
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
        """The last instant of the granted period, just before `valid_until`, which is excluded."""
        return self.valid_until - timedelta(microseconds=1)

    def in_force(self, now: datetime) -> bool:
        """Return whether the habilitation gives its role at `now`: in its period, approved, not revoked."""
        if self.waits:
            return False
        if self.revoked_at is not None and self.revoked_at <= now:
            return False
        return self.valid_from <= now < self.valid_until


class ResetState(StrEnum):
    """State of a reset of a person's sign-in.

    OPEN: for a day after its proposal. CONFIRMED: carried out by a second person. WITHDRAWN: ended by a
    person without effect. EXPIRED: nobody ended it within the day.
    """

    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRecord:
    """A reset of a person's sign-in by two people, as shown on pages.

    The password is always reset, with `factors` the second factors too. `person` and `proposer` are names,
    `login` is that of the person's account, `reason` a code of `ResetReason`. A reset is open until
    `expires_at`. `ended_by` is the name of the second person who confirmed it, or of the person who withdrew
    it, "" while it is open or if it expired; `ended_at` and `ended_by_id` are then None.
    """

    id: UUID
    person_id: UUID
    person: str
    login: str
    factors: bool
    reason: str
    proposer_id: UUID
    proposer: str
    proposed_at: datetime
    expires_at: datetime
    ended_by_id: UUID | None
    ended_by: str
    ended_at: datetime | None
    state: ResetState
