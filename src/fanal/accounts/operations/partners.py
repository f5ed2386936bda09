"""Partner organisations, their API credentials and their quotas."""

import hashlib
import secrets
import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import (
    IssuedCredentials,
    OrganisationKind,
    PartnerIdentity,
    login_from_name,
)
from fanal.accounts.models import Organisation, PartnerCredential, PartnerUsage, Person
from fanal.accounts.operations.people import ensure_organisation
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

MAXIMUM_NAME = 100
_USAGE_KEPT = timedelta(hours=1)


def add_partner(
    *, actor: Actor, name: str, now: datetime, quota: int | None = None, first: bool = False
) -> IssuedCredentials:
    """Create a partner with an API credential and return its secrets, which are never shown again.

    `quota`: calls allowed in a minute, None for no limit. For an existing organisation of that name, issue a
    further credential; the older credentials stay valid, so that secrets can be rotated without an
    interruption (`revoke_credential` ends the old credential). With `first`, only a new organisation is
    created.

    Raises:
        Refusal: NAME: it is invalid (a colon would make `PARTNER:REF` ambiguous); KNOWN (with `first`): there
            is an organisation of that name.
        Refused: the actor may not manage partners.
    """
    require(actor, "partner.manage")
    _require_name(name)
    password, token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with transaction.atomic():
        if first:
            sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"partner {name}"])
            if Organisation.objects.filter(name__iexact=name).exists():
                raise Refusal("partner", "KNOWN")
        partner_id = ensure_partner(actor=actor, name=name, now=now)
        person = Person.objects.create(
            id=new_id(now), name=name, organisation_id=partner_id, created_at=now
        )
        credential = PartnerCredential.objects.create(
            id=new_id(now),
            organisation_id=partner_id,
            person=person,
            login=_free_login(name),
            password_digest=hashlib.sha256(password.encode()).digest(),
            token_digest=hashlib.sha256(token.encode()).digest(),
            quota_per_minute=quota,
            created_at=now,
        )
        _log(actor=actor, action="credential.issue", now=now, credential=credential)
    return IssuedCredentials(partner=name, user=credential.login, password=password, token=token)


def ensure_partner(*, actor: Actor, name: str, now: datetime) -> UUID:
    """Return the id of the organisation `name`, of any kind; create a partner without credential if missing.

    Raises:
        Refusal: NAME: it is empty, over 100 characters, begins or ends with a space, or holds a colon,
            combining or non-printing characters.
        Refused: the actor may not manage partners.
    """
    _require_name(name)
    return ensure_organisation(actor=actor, kind=OrganisationKind.PARTNER, name=name, now=now)


def revoke_credential(*, actor: Actor, login: str, now: datetime) -> None:
    """Revoke a partner's credential at once; nothing happens if it was revoked before.

    Raises:
        PartnerCredential.DoesNotExist: no credential with that login.
        Refused: the actor may not manage partners.
    """
    require(actor, "partner.manage")
    with transaction.atomic():
        found = PartnerCredential.objects.select_for_update().get(login=login)
        if found.revoked_at is None or found.revoked_at > now:
            found.revoked_at = now
            found.save(update_fields=["revoked_at"])
            _log(actor=actor, action="credential.revoke", now=now, credential=found)


def spend_quota(*, identity: PartnerIdentity, now: datetime) -> bool:
    """Count one call of a partner in the minute of `now`; return whether its quota still allows it.

    A partner without a quota costs no query. The count is exact across all processes.
    """
    if identity.quota_per_minute is None:
        return True
    minute = now.replace(second=0, microsecond=0)
    used: int = sql.one("SELECT accounts_count_use(%s, %s)", [identity.credential_id, minute])[0]
    return used <= identity.quota_per_minute


def forget_usage(*, now: datetime) -> int:
    """Delete the counts of API calls older than an hour and return their number.

    Called by the worker's schedule.
    """
    deleted, _ = PartnerUsage.objects.filter(minute__lt=now - _USAGE_KEPT).delete()
    return deleted


def _free_login(name: str) -> str:
    base = login_from_name(name)
    taken = set(
        PartnerCredential.objects.filter(login__startswith=base).values_list("login", flat=True)
    )
    if base not in taken:
        return base
    return next(
        login for number in range(2, len(taken) + 3) if (login := f"{base}-{number}") not in taken
    )


def _require_name(name: str) -> None:
    if not _is_name(name):
        raise Refusal("partner", "NAME", maximum=MAXIMUM_NAME)


def _is_name(name: str) -> bool:
    printing = all(unicodedata.category(c)[0] in "LNPS" or c == " " for c in name)
    return 0 < len(name.strip()) == len(name) <= MAXIMUM_NAME and printing and ":" not in name


def _log(*, actor: Actor, action: str, now: datetime, credential: PartnerCredential) -> None:
    objects = [
        ObjectRef(kind="credential", id=credential.id),
        ObjectRef(kind="organisation", id=credential.organisation_id),
    ]
    ledger.record(actor=actor, action=action, at=now, objects=objects)
