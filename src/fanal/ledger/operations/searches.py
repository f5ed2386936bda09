"""The entry of a search: its question as a keyed digest, and all that is shown for it."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from fanal.kernel.actors import Actor
from fanal.ledger import signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations.recording import record

_NO_ID = UUID(int=0)


def question_id(*, kind: str, text: str) -> UUID:
    """Return the id of a question in the ledger: a keyed digest of its kind and of the text that was typed.

    Case, width and spaces do not count: who asks the same again has the same id.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _keyed_id("question", kind.encode() + b"\0" + plain.encode())


def searched_id(key: UUID) -> UUID:
    """Return the id of an identifier in the ledger: a keyed digest, as its key is found by trying numbers."""
    return _keyed_id("selector", key.bytes)


def record_search(
    *,
    actor: Actor,
    at: datetime,
    kind: str,
    text: str,
    reports: Iterable[UUID] = (),
    selectors: Iterable[UUID] = (),
    elsewhere: int = 0,
) -> UUID:
    """Write the one entry of a search: what was asked as a keyed digest, and all that is shown for it.

    `kind` is the code of what was looked for (ANY for all), `selectors` are keys of identifiers and
    `elsewhere` counts the desks that are named as knowing one. A search without an answer is written too.

    Raises:
        MotiveMissing, ValueRefused: as `record`.
    """
    shown = [ObjectRef(kind="report", id=one) for one in dict.fromkeys(reports)]
    shown += [ObjectRef(kind="selector", id=searched_id(key)) for key in dict.fromkeys(selectors)]
    return record(
        actor=actor,
        action="search.run",
        at=at,
        objects=[ObjectRef(kind="question", id=question_id(kind=kind, text=text)), *shown],
        detail={"kind": kind, "hits": len(shown), "elsewhere": elsewhere},
    )


def _keyed_id(purpose: str, content: bytes) -> UUID:
    key = signer.current().digest_key
    return UUID(
        bytes=canonical.object_digest(key=key, kind=purpose, object_id=_NO_ID, content=content)
    )
