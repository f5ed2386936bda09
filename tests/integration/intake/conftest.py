"""Submissions, and keys for the process under test."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

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
