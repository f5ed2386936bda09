"""Single sign-on: which subject of the provider signs in as which account."""

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AbstractBaseUser

PROVIDER = "oidc"


class SubjectTaken(Exception):
    """The subject already signs in as another account."""


def link_subject(*, user: AbstractBaseUser, subject: str) -> None:
    """Let `subject` sign in as `user`; linking twice changes nothing.

    Raises:
        SubjectTaken: the subject belongs to another account.
    """
    found, _ = SocialAccount.objects.get_or_create(
        provider=PROVIDER, uid=subject, defaults={"user": user}
    )
    if found.user_id != user.pk:
        raise SubjectTaken(f"the subject '{subject}' signs in as another account")
