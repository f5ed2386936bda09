"""A small desk at work: people, and reports that went through every stage, made by the operations."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from fanal.accounts.models import User
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.queue import advance_claims, claim_batch, put_back
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.pipeline import STEPS, Batch
from tests.integration.accounts.people import make_user
from tests.server import as_worker

WORKER = system_actor("stages")
LEASE = timedelta(minutes=5)
HOST = "pictures.example"


@dataclass(kw_only=True)
class Desk:
    """Who works at the desk, and the reports by name."""

    now: datetime
    users: dict[str, User] = field(default_factory=dict)
    reports: dict[str, UUID] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def actor(self, name: str) -> Actor:
        """Return the person as queries and operations take them."""
        from fanal.accounts.queries.people import actor_for

        return actor_for(user=self.users[name], now=self.now, motive="test")


def hashed(name: str) -> dict[str, str]:
    """Hashes of a file that does not exist."""
    data = name.encode()
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "sha1": hashlib.sha1(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
    }


def suspect(handle: str, platform: str = "arcadia") -> dict[str, object]:
    """A suspect known by a name on a service."""
    return {"role": "SUSPECT", "handles": [{"value": handle, "platform": platform}]}


MATERIAL: dict[str, object] = {
    "kind": "ABUSE_MATERIAL",
    "channel": "WEB",
    "urls": [f"https://{HOST}/album/12", f"https://{HOST}/album/13"],
    "description": "Un album ouvert à tous, trouvé en cherchant des fonds d’écran.",
    "files": [
        {
            "name": "triangle-bleu",
            **hashed("triangle"),
            "classification": {"scheme": "NCMEC", "code": "A1"},
            "seen_by_provider": True,
            "publicly_available": True,
        },
        {"name": "cercle-vert", **hashed("circle")},
    ],
    "persons": [
        {
            "role": "SUSPECT",
            "emails": ["album@mail.example"],
            "ips": [{"value": "203.0.113.9", "port": 40112, "at": "2026-11-20T21:14:05Z"}],
        }
    ],
    "occurred_at": "2026-11-20T21:14:05Z",
}
GAME: dict[str, object] = {
    "kind": "GROOMING",
    "channel": "GAME",
    "platform": "Arcadia",
    "place": {"country": "FR", "locality": "Lyon"},
    "description": "Un joueur plus âgé écrit tous les soirs à mon enfant.",
    "conversation": [
        {"speaker": "renard_77", "at": "2026-11-22T19:02:00Z", "text": "Salut, tu as quel âge ?"},
        {"speaker": "lina", "at": "2026-11-22T19:03:00Z", "text": "J’ai 12 ans, et toi ?"},
        {
            "speaker": "renard_77",
            "at": "2026-11-22T19:05:00Z",
            "text": "On passe sur telegram ? Ne dis rien à tes parents.",
        },
        {"speaker": "lina", "at": "2026-11-22T19:06:00Z", "text": "Je ne sais pas trop."},
        {
            "speaker": "renard_77",
            "at": "2026-11-22T19:09:00Z",
            "text": "On se retrouve samedi à 15h à la gare, viens seule.",
        },
    ],
    "persons": [suspect("renard_77"), {"role": "VICTIM", "age": 12, "country": "FR"}],
    "occurred_at": "2026-11-22",
}
STREAM: dict[str, object] = {
    "kind": "LIVESTREAM",
    "channel": "MESSAGING",
    "platform": "Telegram",
    "payments": [
        {
            "at": f"2026-11-{day}",
            "amount": "35.00",
            "currency": "EUR",
            "sender": "payeur-8",
            "beneficiary": "guichet-31",
            "beneficiary_country": "PH",
            "label": "show",
        }
        for day in (11, 13, 16)
    ],
    "persons": [{"role": "SUSPECT", "phones": ["+33 6 39 98 00 12"]}],
    "occurred_at": "2026-11-16",
}
REPORTS: tuple[tuple[str, int, dict[str, object]], ...] = (
    # name, minutes before now, body
    ("danger", 3, GAME | {"emergency": True}),
    ("material", 190, MATERIAL),
    ("mirror", 900, MATERIAL | {"urls": [f"https://{HOST}/album/12?utm_source=x"], "persons": []}),
    (
        "game",
        1500,
        GAME
        | {
            "conversation": [],
            "description": "Le même pseudonyme, un autre jeu.",
            "platform": "Monde Bloc",
            "place": {"country": "BE"},
        },
    ),
    (
        "again",
        2900,
        GAME
        | {
            "conversation": [],
            "description": "Encore lui, hier soir.",
            "persons": [suspect("renard_77")],
        },
    ),
    ("stream", 400, STREAM),
    (
        "travel",
        12000,
        {
            "kind": "SEX_TOURISM",
            "channel": "TRAVEL",
            "place": {"country": "TH", "locality": "Pattaya"},
            "description": "Un voisin d’hôtel, vu deux fois.",
        },
    ),
    (
        "pressure",
        2000,
        {
            "kind": "SEXTORTION",
            "channel": "SOCIAL",
            "platform": "Instagram",
            "description": "Il demande de l’argent et menace d’envoyer une photo.",
            "persons": [suspect("k.lumen", "instagram")],
        },
    ),
    ("empty", 30000, {"kind": "OTHER", "description": "Je ne sais pas si c’est important."}),
)


def open_desk(now: datetime) -> Desk:
    """Make the people and bring the reports through every stage."""
    desk = Desk(now=now)
    add_people(desk)
    add_reports(desk, REPORTS)
    return desk


def add_people(desk: Desk) -> None:
    """Make one person a role at desk 1, a second analyst, and an analyst elsewhere."""
    from fanal.accounts.operations.desks import ensure_desk

    ensure_desk(actor=WORKER, desk_id=2, code="WEST", name="Antenne Ouest")
    for name, role, where in (
        ("ana", Role.ANALYST, 1),
        ("bruno", Role.ANALYST, 1),
        ("claire", Role.SUPERVISOR, 1),
        ("driss", Role.JUDICIAL_OFFICER, 1),
        ("elise", Role.MEASURES_OFFICER, 1),
        ("gabrielle", Role.OVERSEER, 1),
        ("hugo", Role.STATISTICIAN, 1),
        ("yann", Role.ANALYST, 2),
    ):
        desk.users[name] = make_user(name, role, desk=where, at=desk.now - timedelta(days=2))


def add_reports(
    desk: Desk,
    reports: Sequence[tuple[str, int, dict[str, object]]],
    *,
    desk_id: int = 1,
    stages: bool = True,
) -> None:
    """Receive reports as a partner sends them, and run the stages unless they shall wait."""
    # Oldest first: a link goes from the later report to the earlier.
    for name, minutes, body in sorted(reports, key=lambda r: -r[1]):
        at = desk.now - timedelta(minutes=minutes)
        content = msgspec.json.encode({"reference": f"REF-{name}", **body})
        submission = Submission(
            arrival=Arrival.API,
            format=Format.REPORT,
            body=content,
            canonical=content,
            sender_id=uuid4(),
            desk_id=desk_id,
            reference=f"REF-{name}",
            urgent=bool(body.get("emergency")),
        )
        (answer,) = receive_reports(actor=WORKER, submissions=[submission], now=at)
        assert answer.report_id is not None
        desk.reports[name], desk.codes[name] = answer.report_id, answer.code
        if stages:
            run_stages(at)


def run_stages(now: datetime) -> None:
    """Run what waits through all stages, as the worker does and with its rights."""
    with as_worker():
        _run_stages(now)


def _run_stages(now: datetime) -> None:
    for stage, step in STEPS.items():
        token = uuid4()
        claims = claim_batch(actor=WORKER, stage=stage, size=100, token=token, lease=LEASE)
        ids = [claim.report_id for claim in claims]
        if not ids:
            continue
        batch = Batch(actor=WORKER, now=now, report_ids=ids)
        step.apply(batch)
        assert not batch.failed, batch.failed
        advance_claims(actor=WORKER, token=token, report_ids=ids, to=step.then, lease=LEASE)
        put_back(actor=WORKER, token=token, report_ids=ids)
