"""Erasure at expiry: names and addresses of people who have left, texts of expired instructions."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.models import Person, User
from fanal.db import sql
from fanal.kernel.actors import PUBLIC_PERSON, SYSTEM_PERSON, Actor
from fanal.ledger import operations as ledger

ERASED = "[…]"
"""Replaces an erased text or name."""
_LEFT = """
SELECT p.id FROM accounts_person p
WHERE p.created_at < %(before)s AND p.name <> %(erased)s AND NOT p.id = ANY (%(machines)s::uuid[])
  AND NOT EXISTS (
    SELECT FROM accounts_habilitation h LEFT JOIN accounts_revocation r ON r.habilitation_id = h.id
    WHERE h.person_id = p.id AND least(h.valid_until, r.revoked_at) >= %(before)s)
  AND NOT EXISTS (
    SELECT FROM accounts_user u WHERE u.person_id = p.id AND u.last_login >= %(before)s)
  AND NOT EXISTS (
    SELECT FROM accounts_partnercredential c
    WHERE c.person_id = p.id AND (c.revoked_at IS NULL OR c.revoked_at >= %(before)s))
ORDER BY p.id LIMIT %(limit)s
"""


def forget_people(*, actor: Actor, before: datetime, now: datetime, limit: int = 500) -> list[UUID]:
    """Erase the identity of people without any right or sign-in since `before`; return at most `limit` ids.

    A right is a habilitation or an API credential. The accounts are closed and lose login, address and second
    factors. Ids and habilitations stay, so that the ledger still distinguishes the authors of acts.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    asked = {
        "before": before,
        "erased": ERASED,
        "machines": [SYSTEM_PERSON, PUBLIC_PERSON],
        "limit": limit,
    }
    with transaction.atomic():
        left = [person_id for (person_id,) in sql.rows(_LEFT, asked)]
        if not left:
            return []
        Person.objects.filter(id__in=left).update(name=ERASED)
        for user in User.objects.filter(person_id__in=left):
            _empty_account(user)
        ledger.record_batch(
            actor=actor,
            action="account.erase",
            at=now,
            kind="person",
            items=[(person_id, b"") for person_id in left],
            detail={"count": len(left)},
        )
    return left


def forget_instructions(*, actor: Actor, before: datetime) -> int:
    """Erase grounds and reasons of instructions that expired before `before`; return their number.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    return int(sql.one("SELECT accounts_erase_words(%s)", [before])[0])


def _empty_account(user: User) -> None:
    """Close an account and delete all data that identify its person."""
    for relation in User._meta.related_objects:  # noqa: SLF001 - Django has no other name for it
        relation.related_model._default_manager.filter(**{relation.field.name: user}).delete()  # noqa: SLF001
    user.username = f"erased-{user.pk}"
    user.email = ""
    user.is_active = False
    user.session_epoch += 1
    user.set_unusable_password()
    user.save()
