"""Links between subjects of the single sign-on provider and accounts."""

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AbstractBaseUser

from fanal.web.account.identity_tokens import names_somebody

PROVIDER = "oidc"


class SubjectTaken(Exception):
    """The subject is linked to another account."""


class SubjectUnknown(Exception):
    """The subject is not acceptable: no ID token could contain it."""


def link_subject(*, user: AbstractBaseUser, subject: str) -> bool:
    """Link a provider's `subject` to the account `user`; return False when it was linked already.

    Raises:
        SubjectTaken: the subject is linked to another account.
        SubjectUnknown: it is blank, not printable or too long.
    """
    if not names_somebody(subject):
        raise SubjectUnknown
    found, made = SocialAccount.objects.get_or_create(
        provider=PROVIDER, uid=subject, defaults={"user": user}
    )
    if found.user_id != user.pk:
        raise SubjectTaken(f"the subject '{subject}' signs in as another account")
    return bool(made)
