"""Partners: secrets, constant comparison, quotas over processes, and what a public node may do."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.accounts.models import Organisation, PartnerCredential
from fanal.accounts.operations import partners as operations
from fanal.accounts.queries.people import authenticate_partner_basic, authenticate_partner_bearer
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from tests.integration.accounts.people import SYSTEM
from tests.policy_cells import actor_as
from tests.refusals import KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_secrets_open_and_are_not_stored() -> None:
    issued = operations.add_partner(actor=SYSTEM, name="Game House", now=NOW)
    assert (issued.partner, issued.user) == ("Game House", "game-house")
    assert len(base64.urlsafe_b64decode(issued.password + "=")) == 32
    header = _basic(issued.user, issued.password)
    identity = authenticate_partner_basic(authorization=header, now=NOW)
    token = f"Bearer {issued.token}"
    assert identity == authenticate_partner_bearer(authorization=token, now=NOW)
    assert identity is not None
    assert identity.partner == "Game House"
    assert identity.actor.roles == {Role.PARTNER}
    assert identity.actor.partner_id == identity.partner_id
    with connection.cursor() as cursor:
        for table in ("accounts_partnercredential", "accounts_person", "ledger_entry"):
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE ANY(%s)",
                [[f"%{issued.password}%", f"%{issued.token}%"]],
            )
            assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"game-house:").decode(),
        "Basic " + base64.b64encode(b"game-house\0:x").decode(),
        "Bearer",
        "Bearer x",
        "Bearer \ud800",
        "Digest x",
    ],
)
def test_anything_else_is_nobody(header: str) -> None:
    operations.add_partner(actor=SYSTEM, name="Game House", now=NOW)
    assert authenticate_partner_basic(authorization=header, now=NOW) is None
    assert authenticate_partner_bearer(authorization=header, now=NOW) is None


def test_the_token_is_no_password_and_the_reverse() -> None:
    issued = operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    swapped = _basic(issued.user, issued.token)
    assert authenticate_partner_basic(authorization=swapped, now=NOW) is None
    bearer = f"Bearer {issued.password}"
    assert authenticate_partner_bearer(authorization=bearer, now=NOW) is None


def test_a_second_credential_leaves_the_first_until_it_is_revoked() -> None:
    first = operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    second = operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    assert (first.user, second.user) == ("a", "a-2")
    assert Organisation.objects.filter(name="a").count() == 1
    operations.revoke_credential(actor=SYSTEM, login="a", now=NOW)
    old = f"Bearer {first.token}"
    assert authenticate_partner_bearer(authorization=old, now=NOW) is None
    new = f"Bearer {second.token}"
    assert authenticate_partner_bearer(authorization=new, now=NOW) is not None


def test_a_revoked_credential_is_not_revived_nor_revoked_at_another_instant() -> None:
    operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    operations.revoke_credential(actor=SYSTEM, login="a", now=NOW)
    for other in (None, NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)):
        for role in (contextlib.nullcontext, as_worker):
            with role(), database_refuses(KEPT):
                PartnerCredential.objects.update(revoked_at=other)
    PartnerCredential.objects.update(revoked_at=NOW, quota_per_minute=3)


def test_a_credential_is_neither_deleted_nor_given_other_secrets() -> None:
    """The old secret in a new row would be in force again."""
    operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    other = {
        "id": uuid4(),
        "login": "b",
        "password_digest": bytes(32),
        "token_digest": bytes(32),
    }
    for revoked in (False, True):
        if revoked:
            operations.revoke_credential(actor=SYSTEM, login="a", now=NOW)
        for role in (contextlib.nullcontext, as_worker):
            for name, value in other.items():
                with role(), database_refuses(KEPT):
                    PartnerCredential.objects.update(**{name: value})
            with role(), database_refuses(KEPT if role is as_worker else NO_RIGHT):
                PartnerCredential.objects.all()._raw_delete(using="default")
    with database_refuses(KEPT):
        PartnerCredential.objects.update(revoked_at=NOW, token_digest=bytes(32))


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\n", "x" * 101, " a", "\u202ea", "a\0"])
def test_names_that_could_mislead_are_refused(name: str) -> None:
    with pytest.raises(Refusal):
        operations.add_partner(actor=SYSTEM, name=name, now=NOW)
    assert not PartnerCredential.objects.exists()


def test_only_administrator_and_system_open_access() -> None:
    for role in set(Role) - {Role.ADMINISTRATOR, Role.SYSTEM}:
        with pytest.raises(Refused):
            operations.add_partner(actor=actor_as(role), name="a", now=NOW)


def test_quota_counts_calls_of_a_minute() -> None:
    issued = operations.add_partner(actor=SYSTEM, name="a", quota=3, now=NOW)
    header = f"Bearer {issued.token}"
    identity = authenticate_partner_bearer(authorization=header, now=NOW)
    assert identity is not None
    spent = [operations.spend_quota(identity=identity, now=NOW) for _ in range(5)]
    assert spent == [True, True, True, False, False]
    later = NOW + timedelta(minutes=1)
    assert operations.spend_quota(identity=identity, now=later)
    assert operations.forget_usage(now=NOW + timedelta(hours=2)) == 2


def test_no_quota_costs_no_query(django_assert_num_queries: object) -> None:
    issued = operations.add_partner(actor=SYSTEM, name="a", now=NOW)
    identity = authenticate_partner_bearer(authorization=f"Bearer {issued.token}", now=NOW)
    assert identity is not None
    with django_assert_num_queries(0):
        assert operations.spend_quota(identity=identity, now=NOW)


def test_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    from fanal.cli.accounts import partner_add

    partner_add.callback.__wrapped__(name="Game House", quota=None, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["partner", "user", "password", "token"]


@pytest.mark.django_db(transaction=True)
def test_a_public_node_authenticates_and_sees_no_person(as_role: object) -> None:
    import psycopg

    issued = operations.add_partner(actor=SYSTEM, name="a", quota=1, now=NOW)
    intake = as_role("intake")
    ask = "SELECT login FROM accounts_credential_of(%s, %s, now())"
    password, token = (sha256(s.encode()).digest() for s in (issued.password, issued.token))
    for login, secret, told in (
        ("a", password, ("a",)), (None, token, ("a",)),
        ("a", token, None), (None, password, None), ("b", password, None), (None, None, None),
    ):  # fmt: skip
        assert intake.execute(ask, [login, secret]).fetchone() == told
    operations.revoke_credential(actor=SYSTEM, login="a", now=datetime.now(UTC))
    earlier = "SELECT login FROM accounts_credential_of(NULL, %s, '2020-01-01')"
    assert (
        intake.execute(earlier, [token]).fetchone() is None
    )  # no clock of the node's brings it back
    for table in (
        "accounts_partnercredential",
        "accounts_organisation",
        "accounts_person",
        "accounts_user",
        "accounts_habilitation",
        "django_session",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            intake.execute(f"SELECT * FROM {table}")
