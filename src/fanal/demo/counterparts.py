"""Demo events of de-confliction with another organisation: rounds and matches in each state.

A round compares encrypted identifiers of suspects (private set intersection). The demo also plays the other
organisation, with a key derived from the seed. The identifiers of one dossier are withheld from it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fanal.accounts.domain.instructions import InstructionKind
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.deconfliction import queries
from fanal.deconfliction.domain import sets
from fanal.deconfliction.domain.message import (
    Answer,
    Conclusion,
    Offer,
    pair_of,
    read_message,
    write_message,
)
from fanal.deconfliction.domain.records import Counterpart, NewCounterpart
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.counterparts import add_counterpart
from fanal.deconfliction.operations.hits import move_hit
from fanal.deconfliction.operations.identity import ensure_identity
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.rounds import expire_rounds
from fanal.deconfliction.operations.steps import conclude, take_conclusion
from fanal.deconfliction.sharing.operations import withhold
from fanal.demo.content import SEED
from fanal.demo.world import SYSTEM, DemoEvent, World
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.sightings import key_bytes
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal

_NAME, _OURS = "Service Exemple-Littoral", "Bureau national (démo)"
_CONTACT = "Permanence du Service Exemple-Littoral\n+33 1 99 00 12 34\npermanence@littoral.example"
_DAY, _HOUR, _WEEK = timedelta(days=1), timedelta(hours=1), timedelta(days=7)
_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"{SEED}/counterpart".encode()).digest())
_HELD = ("RG-00", "RG-01", "RG-04")
"""Reports whose suspects the counterpart knows too."""


def events() -> list[DemoEvent]:
    """Return the demo events of de-confliction with another organisation, oldest first."""
    return [
        DemoEvent(before=60 * _DAY, play=_register),
        DemoEvent(before=50 * _DAY, play=_unanswered),
        DemoEvent(before=40 * _DAY, play=_meet),
        DemoEvent(before=38 * _DAY, play=_call),
        DemoEvent(before=12 * _DAY, play=_close),
        DemoEvent(before=6 * _DAY, play=_theirs),
        DemoEvent(before=3 * _DAY, play=_refused),
        DemoEvent(before=timedelta(days=1, hours=2), play=_withhold),
        DemoEvent(before=8 * _HOUR, play=_close_one),
        DemoEvent(before=5 * _HOUR, play=_under_way),
    ]


def _register(world: World, at: datetime) -> None:
    """Register the other organisation; two supervisors permit de-confliction rounds with it."""
    claire = world.person("claire", at)
    ensure_identity(actor=SYSTEM, now=at)
    add_counterpart(
        actor=claire,
        counterpart=NewCounterpart(
            name=_NAME,
            our_name=_OURS,
            contact=_CONTACT,
            public_key=_KEY.public_key().public_bytes_raw(),
        ),
        now=at,
    )
    world.permit(
        InstructionKind.DECONFLICTION,
        (_NAME,),
        "Chaque service apprend seulement que l’autre détient le même identifiant d’un suspect,"
        " pour que deux enquêtes ne se gênent pas. Aucune valeur ne sort ; un identifiant commun"
        " mène à un appel.",
        at,
        seconded=at + _HOUR,
    )


def _unanswered(world: World, at: datetime) -> None:
    """Begin a de-confliction round that expires without an answer."""
    del world
    steps.make_offer(actor=SYSTEM, counterpart=_body(), now=at)
    expire_rounds(actor=SYSTEM, now=at + _WEEK)


def _meet(world: World, at: datetime) -> None:
    """Complete a de-confliction round that finds matches: identifiers of suspects in the ring's reports."""
    round_id, offer = steps.make_offer(actor=SYSTEM, counterpart=_body(), now=at)
    later = at + 2 * _HOUR
    receive(actor=SYSTEM, body=_answer(offer, _keys(world, _HELD[:2]), at=later), now=later)
    conclude(actor=SYSTEM, round_id=round_id, now=later)


def _call(world: World, at: datetime) -> None:
    for hit_id in _hits("EMAIL"):
        move_hit(
            actor=world.person("ana", at),
            hit_id=hit_id,
            move="contact",
            words="Appelé la permanence : ils suivent cette boîte depuis mars, nous agissons ensemble.",
            now=at,
        )


def _close(world: World, at: datetime) -> None:
    """Close the match on a telephone number, which a later report reopens, and one on a user name."""
    names = _hits("HANDLE")[:1]
    for hit_id in (*_hits("PHONE"), *names):
        move_hit(
            actor=world.person("claire", at),
            hit_id=hit_id,
            move="close",
            words="Leur affaire est jugée ; rien à coordonner.",
            now=at,
        )


def _close_one(world: World, at: datetime) -> None:
    """Close another match on a handle (user name), which no later report contains."""
    for hit_id in _hits("HANDLE")[-1:]:
        move_hit(
            actor=world.person("bruno", at),
            hit_id=hit_id,
            move="close",
            words="Pseudonyme courant dans ce jeu : vérifié ensemble, ce n’est pas la même personne.",
            now=at,
        )


def _theirs(world: World, at: datetime) -> None:
    """Answer a de-confliction round that the other organisation began, and process its conclusion."""
    secret, keys = sets.new_secret(), _keys(world, _HELD)
    offer, laid_out = _offer(secret, keys, at=at)
    round_id = receive(actor=SYSTEM, body=offer, now=at)
    answer = steps.answer(actor=SYSTEM, round_id=round_id, now=at + _HOUR)
    told = read_message(answer)
    assert isinstance(told.message, Answer)  # noqa: S101 - we wrote it
    met = sets.meet(secret, laid_out, twice=told.message.twice, theirs=told.message.points)
    conclusion = Conclusion(
        round=round_id,
        sender=_NAME,
        recipient=_OURS,
        at=(at + 2 * _HOUR).replace(microsecond=0),
        expires=told.message.expires,
        previous=told.digest.hex(),
        met=met.places,
    )
    receive(actor=SYSTEM, body=write_message(conclusion, key=_KEY), now=at + 2 * _HOUR)
    take_conclusion(actor=SYSTEM, round_id=round_id, now=at + 2 * _HOUR)


def _refused(world: World, at: datetime) -> None:
    """Receive from the other organisation a set with an invalid curve point: the round is refused."""
    offer, _ = _offer(sets.new_secret(), _keys(world, _HELD[:1]), at=at, spoiled=True)
    round_id = receive(actor=SYSTEM, body=offer, now=at)
    try:
        steps.answer(actor=SYSTEM, round_id=round_id, now=at + _HOUR)
    except Refusal:
        return
    raise LookupError(str(round_id))


def _withhold(world: World, at: datetime) -> None:
    """Withhold from other organisations the identifiers of a dossier whose suspects will soon be arrested."""
    claire = world.person("claire", at)
    dossier_id = dossier_of(actor=claire, report_id=world.find(_HELD[0]))
    if dossier_id is None:
        raise LookupError(_HELD[0])
    withhold(
        actor=claire,
        dossier_id=dossier_id,
        counterpart_id=None,
        withheld=True,
        words="Interpellations dans les jours qui viennent : ne rien comparer avant.",
        now=at,
    )


def _under_way(world: World, at: datetime) -> None:
    """Leave two de-confliction rounds open: ours without an answer, theirs without a conclusion."""
    steps.make_offer(actor=SYSTEM, counterpart=_body(), now=at)
    offer, _ = _offer(sets.new_secret(), _keys(world, _HELD[:1]), at=at)
    round_id = receive(actor=SYSTEM, body=offer, now=at)
    steps.answer(actor=SYSTEM, round_id=round_id, now=at + _HOUR)


def _body() -> Counterpart:
    found = queries.find_counterpart(name=_NAME)
    if found is None:
        raise LookupError(_NAME)
    return found


def _keys(world: World, names: Sequence[str]) -> list[bytes]:
    """Return the selector keys (16 bytes) of the identifiers in the demo reports `names`.

    Only identifiers of the kinds that the sharing limits for the other organisation allow.
    """
    ids = [world.find(name) for name in names]
    records = harmonised.get_records(actor=SYSTEM, report_ids=ids)
    kinds = {kind.value for kind in _body().limits.kinds}
    return [
        key_bytes(selector.kind, selector.value)
        for record in records.values()
        for selector in record.selectors
        if selector.kind in kinds
    ]


def _hits(kind: str) -> list[UUID]:
    """Return the ids of the matches on identifiers of `kind` (such as PHONE), oldest first."""
    found = queries.list_hits(actor=SYSTEM)
    selectors = harmonised.get_selectors(actor=SYSTEM, keys=[hit.key for hit in found if hit.key])
    return sorted(
        hit.id for hit in found if hit.key in selectors and selectors[hit.key][0].value == kind
    )


def _pair() -> bytes:
    own = queries.public_key()
    if own is None:
        raise LookupError("key")
    return pair_of(own, _KEY.public_key().public_bytes_raw())


def _offer(
    secret: X25519PrivateKey, keys: list[bytes], *, at: datetime, spoiled: bool = False
) -> tuple[bytes, sets.LaidOut]:
    laid_out = sets.lay_out(secret, _pair(), keys)
    points = bytes(sets.SIZE) + laid_out.points[sets.SIZE :] if spoiled else laid_out.points
    begun = at.replace(microsecond=0)
    offer = Offer(
        round=new_id(at),
        sender=_NAME,
        recipient=_OURS,
        at=begun,
        expires=begun + _WEEK,
        points=points,
    )
    return write_message(offer, key=_KEY), laid_out


def _answer(offer: bytes, keys: list[bytes], *, at: datetime) -> bytes:
    received, secret = read_message(offer), sets.new_secret()
    asked = received.message
    assert isinstance(asked, Offer)  # noqa: S101 - we wrote it
    answer = Answer(
        round=asked.round,
        sender=_NAME,
        recipient=_OURS,
        at=at.replace(microsecond=0),
        expires=asked.expires,
        previous=received.digest.hex(),
        twice=sets.multiply_shown(secret, asked.points),
        points=sets.lay_out(secret, _pair(), keys).points,
    )
    return write_message(answer, key=_KEY)
