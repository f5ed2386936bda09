"""Operations on counterparts (organisations with which identifiers are compared): register, limit, close.

A counterpart is one organisation through its keys: with a new key, or open again after its closure, it keeps
its id, and so its limits, its matches and the dossiers withheld from it.
"""

from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain.limits import DEFAULT, SharingLimits
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart
from fanal.deconfliction.operations import rounds
from fanal.deconfliction.sharing import operations as sharing
from fanal.deconfliction.sharing.queries import counterparts_of_desk
from fanal.exchange.domain.sharing import checked_url
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.opening import open_object
from fanal.vault.operations.sealing import seal_batch

_LONGEST_NAME = 100
_LONGEST_CONTACT = 500
_LONGEST_SECRET = 4096
_LOCK = 0x4443424F4459  # "DCBODY"


def add_counterpart(
    *,
    actor: Actor,
    counterpart: NewCounterpart,
    secret: str = "",
    loopback: bool = False,
    another: bool = False,
    now: datetime,
) -> UUID:
    """Register a counterpart (organisation with which identifiers are compared); return its id.

    It gets the default sharing limits. `secret` authenticates us at its service; it is sealed and never
    displayed again. `loopback` allows a local address. `another`: a person has seen the counterparts that
    resemble it (`queries.similar_counterparts`), and states that it is none of them. A known organisation is
    renewed instead (`renew_counterpart`): what is withheld from it stays withheld.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NAME (empty, too long or unprintable), OUR_NAME (the same, or equal to `name`), CONTACT
            (empty, or too long), KEY (not an Ed25519 key, or our own), ADDRESS (not a public URL), NOT_HTTPS
            (a plain http URL), SECRET (login or secret too long, unprintable, or a login with a colon), PACE
            (interval or daily points), TAKEN (name in use), FORMER_KEY (a known counterpart has or had this
            key), FORMER (it resembles a known counterpart, and `another` is false).
    """
    require(actor, "deconfliction.keep")
    url = _checked(counterpart, secret, loopback=loopback)
    counterpart_id = new_id(now)
    secret_id = new_id(now) if secret else None
    with sql.unique(Refusal("deconfliction", "TAKEN")):
        _wait_for_others()
        _check_unknown(actor, counterpart, another=another)
        if secret_id is not None:
            sealable = Sealable(
                id=secret_id,
                owner_id=counterpart_id,
                kind="credential",
                plaintext=secret.encode(),
            )
            seal_batch(items=[sealable], now=now)
        sql.run(
            "INSERT INTO deconfliction_counterpart (id, name, our_name, contact, public_key,"
            " organisation_id, url, login, secret_id, every_hours, daily_points, added_by,"
            " added_at, keyed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                counterpart_id,
                counterpart.name,
                counterpart.our_name,
                counterpart.contact.strip(),
                counterpart.public_key,
                counterpart.organisation_id,
                url,
                counterpart.login,
                secret_id,
                counterpart.every_hours,
                counterpart.daily_points,
                actor.person_id,
                now,
                now,
            ],
        )
        _limit(actor, counterpart_id, DEFAULT, now)
        _log(actor, "counterpart.add", counterpart_id, now)
    return counterpart_id


def renew_counterpart(
    *,
    actor: Actor,
    counterpart_id: UUID,
    public_key: bytes,
    name: str,
    our_name: str,
    contact: str,
    now: datetime,
) -> None:
    """Give a counterpart (organisation with which identifiers are compared) its new key and names.

    A closed one is open again. Its id, limits, matches and the dossiers withheld from it stay, and so does
    its service. Its previous key ends: open rounds are closed as refused, and two people must approve a
    standing instruction again. A closed counterpart may return with its latest key.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NOT_FOUND; NAME, OUR_NAME, CONTACT, KEY as `add_counterpart`; FORMER_KEY, the key is in use
            already, or ended, or is another counterpart's; TAKEN, another counterpart has the name, or for a
            new name had it.
    """
    require(actor, "deconfliction.keep")
    wanted = NewCounterpart(name=name, our_name=our_name, contact=contact, public_key=public_key)
    _checked(wanted, "", loopback=False)
    with sql.unique(Refusal("deconfliction", "TAKEN")):
        _wait_for_others()
        row = sql.row(
            "SELECT public_key, closed_at, name FROM deconfliction_counterpart WHERE id = %s FOR UPDATE",
            [counterpart_id],
        )
        if row is None:
            raise Refusal("deconfliction", "NOT_FOUND")
        before, returns = bytes(row[0]), row[1] is not None
        bearers = queries.similar_counterparts(actor=actor, wanted=wanted, same_key=True)
        if before == public_key:
            allowed = returns and [one.id for one in bearers] == [counterpart_id]
        else:
            allowed = not bearers
        if not allowed:
            raise Refusal("deconfliction", "FORMER_KEY")
        others = set(counterparts_of_desk(keys=(), name=name)) - {counterpart_id}
        if others and name != row[2]:
            raise Refusal("deconfliction", "TAKEN")
        rounds.drop_rounds(actor=actor, now=now, error="THEIR_KEY", counterpart_id=counterpart_id)
        if before != public_key:
            sql.run(
                "INSERT INTO deconfliction_former_key"
                " (counterpart_id, public_key, ended_at, ended_by) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (public_key) DO NOTHING",
                [counterpart_id, before, now, actor.person_id],
            )
        sql.run(
            "UPDATE deconfliction_counterpart SET public_key = %s, name = %s, our_name = %s,"
            " contact = %s, keyed_at = %s, closed_at = NULL WHERE id = %s",
            [public_key, name, our_name, contact.strip(), now, counterpart_id],
        )
        _log(actor, "counterpart.key", counterpart_id, now, returns=int(returns))


def close_counterpart(*, actor: Actor, counterpart_id: UUID, now: datetime) -> None:
    """Close a counterpart (an organisation with which identifiers are compared): no more messages.

    Its matches stay.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NOT_FOUND, no open counterpart has this id.
    """
    require(actor, "deconfliction.keep")
    with transaction.atomic():
        found = sql.run(
            "UPDATE deconfliction_counterpart SET closed_at = %s WHERE id = %s AND closed_at IS NULL",
            [now, counterpart_id],
        )
        if not found:
            raise Refusal("deconfliction", "NOT_FOUND")
        _log(actor, "counterpart.close", counterpart_id, now)


def set_limits(*, actor: Actor, counterpart_id: UUID, limits: SharingLimits, now: datetime) -> None:
    """Replace the limits of the identifiers that are compared with a counterpart (another organisation).

    Earlier limits are kept for the record. No effect if the limits are the same.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NOT_FOUND, no open counterpart has this id.
    """
    require(actor, "deconfliction.keep")
    found = queries.get_counterpart(actor=actor, counterpart_id=counterpart_id)
    if found is None or found.closed_at is not None:
        raise Refusal("deconfliction", "NOT_FOUND")
    if found.limits == limits:
        return
    with transaction.atomic():
        sharing.hold_sharing(changes=True)
        _limit(actor, counterpart_id, limits, now)
        _log(actor, "counterpart.limit", counterpart_id, now)


def secret_of(*, actor: Actor, counterpart: Counterpart, now: datetime) -> str:
    """Return the password with which this desk signs in at the service of a counterpart (organisation).

    The result is "" without one.

    Raises:
        Refused, ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: as
            `vault.open_object`.
    """
    if counterpart.secret_id is None:
        return ""
    opened = open_object(
        actor=actor,
        object_id=counterpart.secret_id,
        now=now,
        purpose="credential of a counterpart",
        right="deconfliction.run",
    )
    return opened.decode()


def _checked(asked: NewCounterpart, secret: str, *, loopback: bool) -> str:
    """Validate a counterpart (organisation) to register; return the URL of its service in normal form.

    The result is "" without one. `secret` authenticates us at that service; `loopback` allows a local
    address.

    Raises:
        Refusal: NAME, OUR_NAME, CONTACT, KEY (not an Ed25519 key, or our own), ADDRESS, NOT_HTTPS, SECRET,
            PACE (interval or daily points).
    """
    for code, name in (("NAME", asked.name), ("OUR_NAME", asked.our_name)):
        if name != name.strip() or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise Refusal("deconfliction", code)
    if asked.name == asked.our_name:
        raise Refusal("deconfliction", "OUR_NAME")
    if not 0 < len(asked.contact.strip()) <= _LONGEST_CONTACT or "\x00" in asked.contact:
        raise Refusal("deconfliction", "CONTACT")
    _check_key(asked.public_key)
    if not 1 <= asked.every_hours <= 744 or not 64 <= asked.daily_points <= 1 << 22:
        raise Refusal("deconfliction", "PACE")
    _check_secret(asked.login, secret)
    if not asked.url:
        return ""
    try:
        return checked_url(asked.url, loopback=loopback)
    except Refusal as refused:
        raise Refusal("deconfliction", refused.code) from None


def _wait_for_others() -> None:
    """Take an advisory lock: counterparts are registered and renewed one at a time."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _check_unknown(actor: Actor, wanted: NewCounterpart, *, another: bool) -> None:
    """Check that the organisation to register has never been registered before.

    `another` says that a person has confirmed this for the counterparts that resemble it.

    Raises:
        Refusal: TAKEN, FORMER_KEY, FORMER as `add_counterpart`.
    """
    bearers = queries.similar_counterparts(actor=actor, wanted=wanted, same_key=True)
    similar = queries.similar_counterparts(actor=actor, wanted=wanted)
    if any(one.closed_at is None and one.name == wanted.name for one in similar):
        raise Refusal("deconfliction", "TAKEN")
    if any(one.closed_at is None and one.public_key == wanted.public_key for one in bearers):
        raise Refusal("deconfliction", "TAKEN")
    if bearers:
        raise Refusal("deconfliction", "FORMER_KEY")
    if similar and not another:
        raise Refusal("deconfliction", "FORMER")


def _check_key(key: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key)
    except ValueError:
        raise Refusal("deconfliction", "KEY") from None
    if key == queries.public_key():
        raise Refusal("deconfliction", "KEY")


def _check_secret(login: str, secret: str) -> None:
    if any(len(text) > _LONGEST_SECRET or not text.isprintable() for text in (login, secret)):
        raise Refusal("deconfliction", "SECRET")
    if ":" in login:
        raise Refusal("deconfliction", "SECRET")


def _limit(actor: Actor, counterpart_id: UUID, limits: SharingLimits, now: datetime) -> None:
    sql.run(
        "INSERT INTO deconfliction_limit (id, counterpart_id, kinds, roles, desk_ids, months,"
        " set_by, set_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            new_id(now),
            counterpart_id,
            list(limits.kinds),
            list(limits.roles),
            list(limits.desk_ids),
            limits.months,
            actor.person_id,
            now,
        ],
    )


def _log(actor: Actor, action: str, counterpart_id: UUID, now: datetime, **numbers: int) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="counterpart", id=counterpart_id)],
        detail=numbers,
    )
