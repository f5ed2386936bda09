"""Operations on counterparts (organisations with which identifiers are compared): register, limit, close.

For a new public key, close and register again. Dossiers are withheld from them: each decision is a row with
its reason.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, connection, transaction

from fanal.accounts.domain.policy import Resource, allows, require
from fanal.crosscheck.dossiers.queries import dossier_view
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.domain.limits import DEFAULT, SharingLimits
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart, Withholding
from fanal.exchange.domain.sharing import checked_url
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.opening import open_object
from fanal.vault.operations.sealing import seal_batch

_LONGEST_NAME = 100
_LONGEST_CONTACT = 500
_LONGEST_SECRET = 4096


def add_counterpart(
    *,
    actor: Actor,
    counterpart: NewCounterpart,
    secret: str = "",
    loopback: bool = False,
    now: datetime,
) -> UUID:
    """Register a counterpart (organisation with which identifiers are compared); return its id.

    It gets the default sharing limits. `secret` authenticates us at its service; it is sealed and never
    displayed again. `loopback` allows a local address.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NAME (empty, too long or unprintable), OUR_NAME (the same, or equal to `name`), CONTACT
            (empty, or too long), KEY (not an Ed25519 key, or our own), ADDRESS (not a public URL), NOT_HTTPS
            (a plain http URL), SECRET (login or secret too long, unprintable, or a login with a colon), PACE
            (interval or daily points), TAKEN (name in use).
    """
    require(actor, "deconfliction.keep")
    url = _checked(counterpart, secret, loopback=loopback)
    counterpart_id = new_id(now)
    secret_id = new_id(now) if secret else None
    try:
        with transaction.atomic():
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
                " added_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
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
                ],
            )
            _limit(actor, counterpart_id, DEFAULT, now)
            _log(actor, "counterpart.add", counterpart_id, now)
    except IntegrityError:
        raise Refusal("deconfliction", "TAKEN") from None
    return counterpart_id


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
        _limit(actor, counterpart_id, limits, now)
        _log(actor, "counterpart.limit", counterpart_id, now)


def secret_of(*, actor: Actor, counterpart: Counterpart, now: datetime) -> str:
    """Return the password with which this desk signs in at the service of a counterpart (organisation).

    "" without one.

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

    "" without one. `secret` authenticates us at that service; `loopback` allows a local address.

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


def _log(actor: Actor, action: str, counterpart_id: UUID, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="counterpart", id=counterpart_id)],
    )


MOST_WORDS = 2000


def withhold(
    *,
    actor: Actor,
    dossier_id: UUID,
    counterpart_id: UUID | None,
    withheld: bool,
    words: str,
    now: datetime,
    shown: Collection[UUID] | None = None,
) -> None:
    """Withhold the identifiers of a dossier from an organisation, or end the withholding.

    `withheld` says which. `counterpart_id` is the organisation, None for all. Withheld identifiers are not
    compared with it. Ending the withholding has no effect where nothing is withheld. A withholding is
    recorded for the first desk of the dossier where the actor may withhold. Each desk decides for itself: a
    desk cannot end the withholding of another desk. `words` is the reason. `shown`: the withholdings that the
    actor has seen; None: all.

    Raises:
        Refused: the actor may not withhold dossiers at any desk with a report in this one.
        Refusal: NOT_FOUND, no such dossier that the actor may read, or no such counterpart; WORDS, empty or
            too long; CHANGED, a withholding to end is none of `shown`.
    """
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    seen = {node.report_id: node.desk_id for node in view.nodes if node.report_id is not None}
    desks = sorted(set(seen.values()))
    own = [d for d in desks if allows(actor, "dossier.withhold", Resource(desk_id=d)).allowed]
    require(actor, "dossier.withhold", Resource(desk_id=(own or desks)[0]))
    known = counterpart_id is None or queries.get_counterpart(
        actor=actor, counterpart_id=counterpart_id
    )
    if not known:
        raise Refusal("deconfliction", "NOT_FOUND")
    text = stripped(words)
    if not 0 < len(text) <= MOST_WORDS or "\x00" in text:
        raise Refusal("deconfliction", "WORDS")
    if withheld:
        targets = [(view.id, own[0])]
    else:
        # Dossiers merged into this one keep their own rows: the withholding of each is ended.
        said = queries.withholdings_of(actor=actor, dossier_ids=[view.id])
        ended = [
            one
            for one in queries.in_force(said=said)
            if one.desk_id in own and one.counterpart_id == counterpart_id
        ]
        if shown is not None and any(one.id not in shown for one in ended):
            raise Refusal("deconfliction", "CHANGED")
        targets = [(one.dossier_id, one.desk_id) for one in ended]
    reports = sorted(seen) if withheld else []
    with transaction.atomic():
        for target, desk_id in targets:
            _write(
                actor,
                Withholding(
                    id=new_id(now),
                    dossier_id=target,
                    desk_id=desk_id,
                    counterpart_id=counterpart_id,
                    withheld=withheld,
                    author_id=actor.person_id,
                    made_at=now,
                    words=text,
                ),
                reports,
            )


def _write(actor: Actor, made: Withholding, reports: Sequence[UUID]) -> None:
    """Insert a decision (`made`) to withhold a dossier or not, with its reason and its ledger entry.

    `reports` are those now in the dossier, stored with the decision.
    """
    digest = ledger.keyed_digest(kind="withholding", object_id=made.id, content=made.words.encode())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO deconfliction_withholding (id, dossier_id, desk_id, counterpart_id, report_ids,"
            " withheld, author_id, made_at, reason_digest)"
            " VALUES (%s, %s, %s, %s, %s::uuid[], %s, %s, %s, %s)",
            [
                made.id, made.dossier_id, made.desk_id, made.counterpart_id, list(reports), made.withheld,
                made.author_id, made.made_at, digest,
            ],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO deconfliction_withholding_words (withholding_id, words) VALUES (%s, %s)",
            [made.id, made.words],
        )
    ledger.record(
        actor=actor,
        action="dossier.withhold",
        at=made.made_at,
        objects=[
            ObjectRef(kind="withholding", id=made.id),
            ObjectRef(kind="dossier", id=made.dossier_id),
        ],
        detail={"withheld": int(made.withheld)},
    )
