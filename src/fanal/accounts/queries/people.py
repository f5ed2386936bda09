"""Queries on people and organisations: actors, partner identities, grants of roles, names."""

import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Max, Q, QuerySet

from fanal.accounts.domain.policy import reach, require, roles_at_desk
from fanal.accounts.domain.records import (
    AccountRecord,
    AlikeAccount,
    CredentialRecord,
    CredentialUse,
    HabilitationRecord,
    OrganisationKind,
    PartnerAccess,
    PartnerIdentity,
    canonical_login,
)
from fanal.accounts.models import (
    Habilitation,
    Organisation,
    PartnerCredential,
    PartnerUsage,
    Person,
    User,
)
from fanal.accounts.queries.desks import desk_name
from fanal.accounts.queries.likeness import likenesses
from fanal.accounts.row_scope import present
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.kernel.texts import alphabetical

# Use of API credentials by providers' programs: quotas and the calls of the last hour.

_HOUR = timedelta(hours=1)
_OF_A_CREDENTIAL = ("login", "created_at", "revoked_at", "quota_per_minute")


def list_uses(*, actor: Actor, partner_id: UUID, now: datetime) -> list[CredentialUse]:
    """Return the API credentials of an organisation (`partner_id`) with their use; never a secret.

    The use is the largest number of calls in a minute of the last hour. Calls are counted only for
    credentials with a quota. The oldest credential comes first.

    Raises:
        Refused: the actor may not read providers.
    """
    require(actor, "provider.read")
    rows = PartnerCredential.objects.filter(organisation_id=partner_id).order_by("id")
    peaks = dict(
        PartnerUsage.objects.filter(credential__in=rows, minute__gte=now - _HOUR)
        .values_list("credential_id")
        .annotate(peak=Max("used"))
        .order_by()
    )
    return [
        CredentialUse(
            login=row.login,
            quota_per_minute=row.quota_per_minute,
            revoked_at=row.revoked_at,
            peak=peaks.get(row.id),
        )
        for row in rows
    ]


_APPROVING = frozenset({Role.SUPERVISOR, Role.MEASURES_OFFICER})


def actor_for(*, user: User, now: datetime, motive: str = "") -> Actor:
    """Return the actor for an account at `now`, with the roles of its person's habilitations in force.

    A habilitation is a grant of a role; `motive` is the purpose (motif de consultation) of the next acts. The
    actor has an organisation (`partner_id`) if these habilitations name exactly one. An actor without
    habilitation in force, or of a closed account, has no roles, and the policy refuses everything.
    """
    held = list(in_force(now).filter(person_id=user.person_id))
    organisations = {h.organisation_id for h in held if h.organisation_id is not None}
    return Actor(
        person_id=user.person_id,
        roles=frozenset(Role(h.role) for h in held) if user.is_active else frozenset(),
        partner_id=organisations.pop() if len(organisations) == 1 else None,
        motive=motive,
        role_desks=frozenset((Role(h.role), h.desk_id) for h in held if h.desk_id is not None),
    )


def actor_of_person(*, person_id: UUID, now: datetime, motive: str = "") -> Actor | None:
    """Return the actor for a person with an open account, for a job that the person queued; else None.

    `motive` is the purpose of the job's acts.
    """
    user = next((one for one in users_of(person_id=person_id) if one.is_active), None)
    return actor_for(user=user, now=now, motive=motive) if user else None


def authenticate_partner_basic(*, authorization: str, now: datetime) -> PartnerIdentity | None:
    """Return the partner whose login and password an HTTP Basic `Authorization` header holds (RFC 7617).

    The result is None if they are missing or wrong. The database compares the SHA-256 of the password, which
    is 256 random bits.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    login, separator, password = pair.partition(":")
    if not separator or "\0" in login:
        return None
    digest = hashlib.sha256(password.encode()).digest()
    return _authenticate(login=canonical_login(login), digest=digest, now=now)


def authenticate_partner_bearer(*, authorization: str, now: datetime) -> PartnerIdentity | None:
    """Return the partner whose token an HTTP Bearer `Authorization` header holds (RFC 6750).

    The result is None if it is missing or wrong.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).digest()
    return _authenticate(login=None, digest=digest, now=now)


def find_user(*, username: str) -> User | None:
    """Return the active account with this login, whatever its case or character width, or None."""
    return User.objects.filter(username=canonical_login(username), is_active=True).first()


def users_of(*, person_id: UUID) -> list[User]:
    """Return the accounts of a person, closed ones too, the oldest first. No right is checked."""
    return list(User.objects.filter(person_id=person_id).order_by("id"))


def find_partner(*, name: str) -> UUID | None:
    """Return the id of the organisation, of any kind, with exactly this name; None if there is none."""
    found = Organisation.objects.filter(name=name).first()
    return None if found is None else found.id


def addresses_of(*, roles: Iterable[Role], desk_id: int | None, now: datetime) -> list[str]:
    """Return the mail addresses of active accounts that hold one of `roles` at a desk or without a desk.

    Only roles in force at `now` count. `desk_id` None: at any desk. The oldest account comes first; accounts
    without an address are left out.
    """
    held = in_force(now).filter(role__in=[r.value for r in roles])
    if desk_id is not None:
        held = held.filter(Q(desk_id=desk_id) | Q(desk_id__isnull=True))
    people = held.values("person_id")
    users = User.objects.filter(person_id__in=people, is_active=True).exclude(email="")
    return list(users.order_by("id").values_list("email", flat=True))


def own_addresses(*, person_id: UUID) -> list[str]:
    """Return the mail addresses of a person's active accounts, the oldest account's first."""
    own = User.objects.filter(person_id=person_id, is_active=True).exclude(email="")
    return list(own.order_by("id").values_list("email", flat=True))


def notice_addresses(*, person_id: UUID, now: datetime) -> list[str]:
    """Return the mail addresses of a person's own accounts and of the supervisors of their desks.

    Their desks are those of the person's roles at `now`; supervisors without a desk count for every desk.
    Only active accounts with an address; each address occurs once, the person's own first.
    """
    held = in_force(now).filter(person_id=person_id, desk_id__isnull=False)
    desks = set(held.values_list("desk_id", flat=True))
    found = own_addresses(person_id=person_id)
    for desk_id in sorted(desks):
        found += addresses_of(roles=[Role.SUPERVISOR], desk_id=desk_id, now=now)
    return list(dict.fromkeys(found))


def organisation_kind(*, organisation_id: UUID) -> OrganisationKind | None:
    """Return the kind of an organisation, or None if it is unknown."""
    found = Organisation.objects.filter(id=organisation_id).values_list("kind", flat=True).first()
    return None if found is None else OrganisationKind(found)


def partner_names(*, partner_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of organisations by id, for display in lists of reports; unknown ids have no key."""
    found = sql.rows("SELECT id, name FROM accounts_names_of(%s::uuid[])", [list(set(partner_ids))])
    return dict(found)


def person_names(*, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of persons by id; unknown ids have no key."""
    return dict(Person.objects.filter(id__in=set(person_ids)).values_list("id", "name"))


def list_colleagues(
    *, action: str, desk_ids: Iterable[int], now: datetime
) -> dict[int, dict[UUID, str]]:
    """Return for each desk the people who may do `action` there now: names by id, in alphabetical order.

    Their account is active, and a habilitation at that desk in force. No right is checked.
    """
    roles = [role.value for role in roles_at_desk(action)]
    held = in_force(now).filter(role__in=roles, person__accounts__is_active=True)
    found: dict[int, dict[UUID, str]] = {desk_id: {} for desk_id in desk_ids}
    rows = held.filter(desk_id__in=list(found)).values_list("desk_id", "person_id", "person__name")
    for desk_id, person_id, name in sorted(rows.distinct(), key=lambda row: alphabetical(row[2])):
        found[desk_id][person_id] = name
    return found


def list_habilitations(*, actor: Actor) -> list[HabilitationRecord]:
    """Return the habilitations (grants of a role) that the actor may read, by expiry, earliest first.

    Ended ones are included.
    """
    bounds = reach(actor, "habilitation.read")
    allowed = Q(desk_id__in=bounds.desk_ids)
    if bounds.owner_id is not None:
        allowed |= Q(person_id=bounds.owner_id)
    if bounds.everywhere:
        allowed = Q()
    return _records(allowed)


def own_habilitations(*, actor: Actor) -> list[HabilitationRecord]:
    """Return the actor's own habilitations (formal grants of a role), ended ones too, by expiry.

    This requires no habilitation in force.
    """
    return _records(Q(person_id=actor.person_id))


def get_habilitation(*, actor: Actor, habilitation_id: UUID) -> HabilitationRecord | None:
    """Return a habilitation (grant of a role) by its id; None if unknown or not readable by the actor."""
    found = [h for h in list_habilitations(actor=actor) if h.id == habilitation_id]
    return found[0] if found else None


def list_accesses(*, actor: Actor) -> list[PartnerAccess]:
    """Return the API credentials of every organisation, by name, then oldest first; never a secret.

    Raises:
        Refused: the actor may not manage partners.
    """
    require(actor, "partner.manage")
    rows = PartnerCredential.objects.order_by("id").values(
        *_OF_A_CREDENTIAL, partner=F("organisation__name")
    )
    return sorted((PartnerAccess(**row) for row in rows), key=lambda one: alphabetical(one.partner))


def list_credentials(*, actor: Actor) -> list[CredentialRecord]:
    """Return the API credentials of the actor's own organisation, oldest first; never a secret.

    Without an organisation the list is empty.
    """
    body = reach(actor, "report.status").partner_id
    if not body:
        return []
    rows = PartnerCredential.objects.filter(organisation_id=body).order_by("id")
    return [CredentialRecord(**row) for row in rows.values(*_OF_A_CREDENTIAL)]


def granters_of(
    *, person_id: UUID, roles: Iterable[Role], now: datetime, desk_id: int | None = None
) -> list[frozenset[UUID]]:
    """Return, for each habilitation of a person in force, the ids of the people who granted and approved it.

    A habilitation is a formal grant of a role. Only those for one of `roles` count; at the desk `desk_id`, or
    (None) anywhere. The results are in no particular order.
    """
    held = in_force(now).filter(person_id=person_id, role__in=[role.value for role in roles])
    if desk_id is not None:
        held = held.filter(desk_id=desk_id)
    rows = held.select_related("approval")
    return [frozenset(_signers(row)) for row in rows]


def granted_by_alone(
    *,
    person_id: UUID,
    roles: Iterable[Role],
    proposers: Collection[UUID],
    now: datetime,
    desk_id: int | None = None,
) -> bool:
    """Return whether each of a person's habilitations for `roles` was granted or approved by a proposer.

    `proposers` are the ids of people who proposed an act: the person then may not approve it. `desk_id`: only
    habilitations at that desk; None: all. The result is False without any habilitation in force.
    """
    granters = granters_of(person_id=person_id, roles=roles, now=now, desk_id=desk_id)
    return bool(granters) and all(some & set(proposers) for some in granters)


def list_candidates(*, actor: Actor) -> list[AccountRecord]:
    """Return the people to whom the actor may grant a role, by name: people of their desks, and newcomers.

    A newcomer is an active account that never had a habilitation (grant of a role) and belongs to no
    organisation. The actor and people of other desks are not listed: a supervisor who takes over such a
    person types their login. The records state person id, login and name only.
    """
    desks = reach(actor, "habilitation.grant").desk_ids
    known = Q(person__habilitations__desk_id__in=desks)
    new = Q(person__habilitations__isnull=True, person__organisation__isnull=True)
    rows = User.objects.filter(known | new, is_active=True).exclude(person_id=actor.person_id)
    found = [
        AccountRecord(person_id=row.person_id, login=row.username, name=row.person.name)
        for row in rows.select_related("person").distinct()
        if desks
    ]
    return sorted(found, key=lambda one: (alphabetical(one.name), one.login))


def list_accounts(*, actor: Actor, now: datetime) -> list[AccountRecord]:
    """Return every account with the roles in force at `now`, by login.

    Raises:
        Refused: the actor may not list accounts.
    """
    require(actor, "account.list")
    held: dict[UUID, list[Role]] = {}
    ends: dict[UUID, datetime] = {}
    grants = in_force(now).values_list("person_id", "role", "valid_until")
    for person_id, role, until in grants.order_by("role"):
        held.setdefault(person_id, []).append(Role(role))
        ends[person_id] = min(until, ends.get(person_id, until))
    rows = sorted(
        User.objects.select_related("person__organisation"),
        key=lambda row: alphabetical(row.username),
    )
    return [
        AccountRecord(
            person_id=row.person_id,
            login=row.username,
            name=row.person.name,
            email=row.email,
            session_epoch=row.session_epoch,
            organisation=row.person.organisation.name if row.person.organisation else "",
            active=row.is_active,
            opened_at=row.date_joined,
            last_sign_in=row.last_login,
            roles=tuple(dict.fromkeys(held.get(row.person_id, []))),
            role_ends_at=ends.get(row.person_id),
        )
        for row in rows
    ]


def habilitations_of(*, actor: Actor, person_id: UUID) -> list[HabilitationRecord]:
    """Return the habilitations (grants of roles) of a person, ended ones too, by expiry.

    Raises:
        Refused: the actor may not list accounts.
    """
    require(actor, "account.list")
    return _records(Q(person_id=person_id))


def has_demo_mark() -> bool:
    """Return whether this database is marked DEMO, as only its first migration can do."""
    if not sql.one("SELECT to_regclass('public.fanal_instance') IS NOT NULL")[0]:
        return False
    row = sql.row("SELECT mark = 'DEMO' FROM fanal_instance")
    return bool(row and row[0])


def in_force(now: datetime) -> QuerySet[Habilitation]:
    """Return a query of the habilitations (grants of a role) in force at `now`, for the package's own use.

    They are within their dates, approved where they need it, and not revoked.
    """
    revoked = Q(revocation__isnull=False, revocation__revoked_at__lte=now)
    approved = Q(needs_approval=False) | Q(approval__approved_at__lte=now)
    held = Habilitation.objects.filter(approved, valid_from__lte=now, valid_until__gt=now)
    return held.exclude(revoked)


def _authenticate(*, login: str | None, digest: bytes, now: datetime) -> PartnerIdentity | None:
    """Return the partner whose credential has this digest, and present it to the database (`present`).

    `digest` is the SHA-256 of the password or token; `login` None: a Bearer token, which needs no login.
    Return None for an unknown or revoked credential.
    """
    found = sql.row(
        "SELECT id, organisation_id, organisation, person_id, login, quota"
        " FROM accounts_credential_of(%s, %s, %s)",
        [login, digest, now],
    )
    if found is None:
        return None
    present(digest)
    credential_id, partner_id, partner, person_id, known_as, quota = found
    return PartnerIdentity(
        partner_id=partner_id,
        partner=partner,
        login=known_as,
        credential_id=credential_id,
        quota_per_minute=quota,
        actor=Actor(person_id=person_id, roles=frozenset({Role.PARTNER}), partner_id=partner_id),
    )


def _signers(row: Habilitation) -> Iterator[UUID]:
    yield row.granted_by_id
    if (approval := getattr(row, "approval", None)) is not None:
        yield approval.approver_id


def _records(condition: Q) -> list[HabilitationRecord]:
    rows = (
        Habilitation.objects.filter(condition)
        .select_related("person", "desk", "organisation", "granted_by", "revocation", "approval")
        .prefetch_related("reviews__reviewed_by")
        .order_by("valid_until", "id")
    )
    found = list(rows)
    alike = likenesses(person_ids={row.person_id for row in found if row.role in _APPROVING})
    signers = [row.approval.approver_id for row in found if hasattr(row, "approval")]
    names = person_names(person_ids=signers)
    return [_record(row, names=names, alike=alike) for row in found]


def list_approving(*, actor: Actor, limit: int) -> list[HabilitationRecord]:
    """Return the `limit` newest grants of roles that approve others' acts, at any desk, newest first.

    Raises:
        Refused: the actor may not oversee habilitations.
    """
    require(actor, "habilitation.oversee")
    roles = [role.value for role in _APPROVING]
    newest = Habilitation.objects.filter(role__in=roles).order_by("-granted_at", "-id")[:limit]
    found = _records(Q(id__in=[row.id for row in newest]))
    return sorted(found, key=lambda one: (one.granted_at, one.id), reverse=True)


def habilitation_of(*, habilitation_id: UUID) -> HabilitationRecord | None:
    """Return a habilitation (grant of a role) of any desk, to notify others of it; None if unknown.

    No right is checked.
    """
    return next(iter(_records(Q(id=habilitation_id))), None)


def _record(
    row: Habilitation, *, names: Mapping[UUID, str], alike: Mapping[UUID, tuple[AlikeAccount, ...]]
) -> HabilitationRecord:
    approval = getattr(row, "approval", None)
    revocation = getattr(row, "revocation", None)
    last = max(row.reviews.all(), key=lambda review: review.reviewed_at, default=None)
    return HabilitationRecord(
        id=row.id,
        person_id=row.person_id,
        person=row.person.name,
        role=Role(row.role),
        desk_id=row.desk_id,
        desk=desk_name(row.desk.name, row.desk.name_en) if row.desk else "",
        organisation=row.organisation.name if row.organisation else "",
        act_reference=row.act_reference,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        granted_by=row.granted_by.name,
        granted_by_id=row.granted_by_id,
        revoked_at=revocation.revoked_at if revocation else None,
        revocation_reason=revocation.reason_code if revocation else "",
        reviewed_at=last.reviewed_at if last else None,
        reviewed_by=last.reviewed_by.name if last else "",
        waits=row.needs_approval and approval is None,
        approved_by=names.get(approval.approver_id, "") if approval else "",
        granted_at=row.granted_at,
        approved_at=approval.approved_at if approval else None,
        alike=alike.get(row.person_id, ()),
    )
