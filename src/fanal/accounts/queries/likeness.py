"""Detection of accounts of one human under different persons, which would defeat the two-person rule."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import (
    AccountRecord,
    AlikeAccount,
    Likeness,
    canonical_login,
    likeness_key,
)
from fanal.accounts.models import Person, User
from fanal.kernel.actors import Actor
from fanal.kernel.texts import alphabetical

_Trait = tuple[Likeness, str]


def likenesses(*, person_ids: Collection[UUID]) -> dict[UUID, tuple[AlikeAccount, ...]]:
    """Return by person id the accounts of other persons that share a trait with theirs, in order of login.

    Traits: name and mail address; the subject at the single sign-on provider, in any spelling and for any
    provider; credential id and public key of a security key. A physical key creates a different credential
    for each account, by design (Web Authentication Level 2, section 14.2): a match reveals a copied
    credential. Persons without such accounts are left out.
    """
    if not person_ids:
        return {}
    holders: dict[_Trait, dict[UUID, str]] = {}
    for person_id, login, trait in _traits():
        holders.setdefault(trait, {})[person_id] = login
    found: dict[UUID, dict[str, set[Likeness]]] = {}
    for (kind, _value), people in holders.items():
        for person_id in people.keys() & set(person_ids):
            for other, login in people.items():
                if other != person_id:
                    found.setdefault(person_id, {}).setdefault(login, set()).add(kind)
    return {
        person_id: tuple(
            AlikeAccount(login=login, by=tuple(kind for kind in Likeness if kind in kinds))
            for login, kinds in sorted(others.items())
        )
        for person_id, others in found.items()
    }


def _traits() -> Iterator[tuple[UUID, str, _Trait]]:
    """Yield (person id, login, trait) for every trait of every account; a trait is (kind, value)."""
    of: dict[object, tuple[UUID, str]] = {}
    users = User.objects.values_list("pk", "username", "email", "person_id", "person__name")
    for pk, login, email, person_id, name in users:
        of[pk] = (person_id, login)
        yield person_id, login, (Likeness.NAME, likeness_key(name))
        if email:
            yield person_id, login, (Likeness.ADDRESS, email.casefold())
    for pk, subject in SocialAccount.objects.values_list("user_id", "uid"):
        yield *of[pk], (Likeness.SUBJECT, canonical_login(subject))
    for row in Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN):
        for part in _key_parts(row):
            yield *of[row.user_id], (Likeness.KEY, sha256(part).hexdigest())


def _key_parts(row: Authenticator) -> Iterator[bytes]:
    """Yield the credential id of a security key (`row`), then its public key (COSE, RFC 9053) as bytes."""
    key = row.wrap().authenticator_data.credential_data
    if key is not None:
        yield bytes(key.credential_id)
        # COSE (RFC 9053): -2 is x (elliptic curves) or e (RSA), -1 the curve or n.
        yield repr([key.public_key.get(label) for label in (1, -1, -2, -3)]).encode()


def find_people(*, actor: Actor, text: str) -> list[AccountRecord]:
    """Return the people whose name or login contains every word of a text: person id, login, name; by name.

    Case, accents and the order of the words do not matter. If the whole text is the name or the login of
    somebody, only people with that name or login are returned. Closed accounts are found too; people without
    an account have an empty login.

    Raises:
        Refused: the actor may not search the ledger.
    """
    require(actor, "ledger.search")
    sought = likeness_key(text)
    rows = Person.objects.values_list("id", "name", "accounts__username")
    everybody = [
        AccountRecord(person_id=person_id, name=name, login=login or "")
        for person_id, name, login in rows
    ]
    found = [one for one in everybody if sought and sought in _written(one)]
    found = found or [
        one
        for one in everybody
        if sought and all(word in " ".join(_written(one)) for word in sought.split())
    ]
    return sorted(found, key=lambda one: (alphabetical(one.name), one.login))


def _written(one: AccountRecord) -> tuple[str, str]:
    return likeness_key(one.name), likeness_key(one.login)
