"""Single sign-on: which subject of the provider signs in as which account."""

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AbstractBaseUser

from fanal.web.account.identity_tokens import names_somebody

PROVIDER = "oidc"


class SubjectTaken(Exception):
    """The subject already signs in as another account."""


class SubjectUnknown(Exception):
    """No token names such a subject."""


def link_subject(*, user: AbstractBaseUser, subject: str) -> bool:
    """Let `subject` sign in as `user`; linking twice changes nothing. Return whether it is new.

    Raises:
        SubjectTaken: the subject belongs to another account.
        SubjectUnknown: it is blank, cannot be printed, or is too long.
    """
    if not names_somebody(subject):
        raise SubjectUnknown
    found, made = SocialAccount.objects.get_or_create(
        provider=PROVIDER, uid=subject, defaults={"user": user}
    )
    if found.user_id != user.pk:
        raise SubjectTaken(f"the subject '{subject}' signs in as another account")
    return bool(made)
