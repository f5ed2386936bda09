"""Submissions, and keys for the process under test."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.kernel.actors import Actor, Role

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """Every test of intake seals and signs."""


@pytest.fixture
def partner() -> Actor:
    """A partner's program."""
    return Actor(person_id=uuid4(), roles=frozenset({Role.PARTNER}), partner_id=uuid4())


@pytest.fixture
def make_submission() -> Callable[..., Submission]:
    """Return a factory of partner submissions."""

    def make(
        sender: UUID, *, body: bytes = b'{"kind":"OTHER"}', key: str = "", **values: object
    ) -> Submission:
        keys = ((KeyKind.IDEMPOTENCY, key),) if key else ()
        settled: dict[str, object] = {"arrival": Arrival.API, "format": Format.REPORT, "keys": keys}
        return Submission(body=body, canonical=body, sender_id=sender, **(settled | values))

    return make


@pytest.fixture
def node(
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> psycopg.Connection[tuple[object, ...]]:
    """A session of a public node's role."""
    return as_role("intake")


@pytest.fixture
def sent(make_submission: Callable[..., Submission]) -> tuple[Actor, UUID]:
    """A partner and its wire report, open and not urgent."""
    from fanal.intake.operations.receive import receive_reports
    from tests.integration.intake.node_role import program

    actor = program("house")
    assert actor.partner_id is not None
    submission = make_submission(
        actor.partner_id,
        reference="A-1",
        keys=((KeyKind.REFERENCE, "A-1"),),
        arrival=Arrival.WIRE,
        finish=False,
    )
    (answer,) = receive_reports(actor=actor, submissions=[submission], now=datetime.now(UTC))
    assert answer.report_id is not None
    return actor, answer.report_id
