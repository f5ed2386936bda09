"""Sources of lists: registration, with the secret sealed or in a file, and switching on or off."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse import queries as analysed
from fanal.db import sql
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.domain.sharing import MAX_NAME, AddressRefused, checked_url
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import operations as vault
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.domain.records import Sealable
from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobDamaged, BlobMissing, VaultAway

_UNOPENED = (
    KeyMissing, vault.ObjectUnknown, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway,
)  # fmt: skip
_LONGEST_SECRET = 4096


class SourceRefused(ValueError):
    """An invalid source, or an unreadable secret; `code` is the reason (label kind `exchange_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def add_source(
    *, actor: Actor, source: ListSource, secret: str = "", loopback: bool = False, now: datetime
) -> UUID:
    """Register a source for a list and return its id; `secret` is sealed and never displayed again.

    `loopback` allows a local address.

    Raises:
        Refused: the actor may not manage sources.
        SourceRefused: NAME, ADDRESS, NOT_HTTPS, COLLECTION, SECRET (too long, or given with a secret file),
            LIST (unknown list), EXISTS.
    """
    require(actor, "source.manage")
    try:
        url = checked_url(source.url, loopback=loopback)
    except AddressRefused as refused:
        raise SourceRefused(refused.code) from None
    _check(source, secret)
    secret_id = new_id(now) if secret else None
    try:
        with transaction.atomic():
            if secret_id is not None:
                sealable = Sealable(
                    id=secret_id, owner_id=source.id, kind="credential", plaintext=secret.encode()
                )
                vault.seal_batch(items=[sealable], now=now)
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO exchange_source (id, name, kind, url, collection, login, secret_id,"
                    " secret_file, list_id, every_minutes, enabled, added_at, added_by)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    [
                        source.id, source.name, source.kind, url, source.collection, source.login,
                        secret_id, source.secret_file, source.list_id, source.every_minutes,
                        source.enabled, now, actor.person_id,
                    ],
                )  # fmt: skip
                cursor.execute(
                    "INSERT INTO exchange_checkpoint (source_id) VALUES (%s)", [source.id]
                )
            _record(actor, "source.add", source, now=now)
    except IntegrityError:
        raise SourceRefused("EXISTS") from None
    return source.id


def switch_source(*, actor: Actor, source: ListSource, enabled: bool, now: datetime) -> None:
    """Switch a source on or off; the schedule skips a source that is off. Its list stays.

    Raises:
        Refused: the actor may not manage sources.
    """
    require(actor, "source.manage")
    with transaction.atomic():
        found = sql.run(
            "UPDATE exchange_source SET enabled = %s WHERE id = %s AND enabled <> %s",
            [enabled, source.id, enabled],
        )
        if found:
            _record(actor, "source.change", source, now=now)


def note_test(*, actor: Actor, source: ListSource, code: str, now: datetime) -> None:
    """Record in the ledger that a person tested a connection; `code` is the reason of a failure, else "".

    Raises:
        Refused: the actor may not manage sources.
    """
    require(actor, "source.manage")
    ledger.record(
        actor=actor,
        action="source.test",
        at=now,
        objects=[ObjectRef(kind="source", id=source.id)],
        detail={"failed": code},
    )


def secret_of(*, actor: Actor, source: ListSource, now: datetime) -> str:
    """Return the secret of a source, from the vault or its file; "" without one.

    Raises:
        Refused: the actor may not manage sources.
        SourceRefused: SECRET_FILE (the file is unreadable), SECRET_SEALED (the vault does not open it).
    """
    if source.secret_id is not None:
        try:
            return vault.open_object(
                actor=actor,
                object_id=source.secret_id,
                now=now,
                purpose="credential of a source",
                right="source.manage",
            ).decode()
        except _UNOPENED:
            raise SourceRefused("SECRET_SEALED") from None
    if not source.secret_file:
        return ""
    try:
        with Path(source.secret_file).open("rb") as file:
            return file.read(_LONGEST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise SourceRefused("SECRET_FILE") from None


def _check(source: ListSource, secret: str) -> None:
    if not 1 <= len(source.name.strip()) <= MAX_NAME or not source.name.isprintable():
        raise SourceRefused("NAME")
    if (source.kind is Service.TAXII) is not bool(source.collection):
        raise SourceRefused("COLLECTION")
    if not (source.collection or "x").replace("-", "").isalnum() or len(source.collection) > 100:
        raise SourceRefused("COLLECTION")
    texts = (source.login, secret)
    if any(len(text) > _LONGEST_SECRET or not text.isprintable() for text in texts):
        raise SourceRefused("SECRET")
    if ":" in source.login or (secret and source.secret_file):
        raise SourceRefused("SECRET")
    if source.list_id not in analysed.get_lists():
        raise SourceRefused("LIST")


def _record(actor: Actor, action: str, source: ListSource, *, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[
            ObjectRef(kind="source", id=source.id),
            ObjectRef(kind="list", id=source.list_id),
        ],
    )
