"""Consequences of a changed second factor or password: other sessions end, ledger entry, notification."""

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import password_changed
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib.auth import update_session_auth_hash
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from fanal.accounts import operations
from fanal.web.account.actors import actor_of, now_of


@receiver(post_save, sender=Authenticator)
def note_added(instance: Authenticator, *, created: bool, **_more: object) -> None:
    """Record an added factor in the ledger, and mark the session as verified by it.

    Enrolment has proved the factor.
    """
    if not created:
        return
    codes = instance.type == Authenticator.Type.RECOVERY_CODES
    _note(instance, added=True, notice=not codes)
    request = context.request
    if request is not None and not codes and request.user.pk == instance.user_id:
        record_authentication(
            request, request.user, "mfa", id=instance.pk, type=instance.type, reauthenticated=True
        )


@receiver(post_delete, sender=Authenticator)
def note_removed(instance: Authenticator, **_more: object) -> None:
    """Record a removed factor in the ledger, and notify the person by e-mail."""
    _note(instance, added=False, notice=True)


@receiver(password_changed)
def note_password(request: HttpRequest, **_more: object) -> None:
    """Record the person's change of password; Django ends the other sessions."""
    operations.record_password_change(actor=actor_of(request), now=now_of(request))


def _note(instance: Authenticator, *, added: bool, notice: bool) -> None:
    """Record in the ledger a change made through the pages; commands record their own changes.

    `notice`: also notify the person by e-mail. The person's other sessions end.
    """
    request = context.request
    if request is None or request.user.pk != instance.user_id:
        return
    request.user.session_epoch = operations.record_factor_change(
        actor=actor_of(request),
        user=request.user,
        factor=instance.type,
        added=added,
        now=now_of(request),
        notice=notice,
    )
    update_session_auth_hash(request, request.user)
