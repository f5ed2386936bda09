"""Demo events of distribution: packages acknowledged, pending and overdue; reports waiting and dropped."""

from datetime import datetime, timedelta
from uuid import UUID

import pyrage

from fanal.accounts.domain.instructions import InstructionKind
from fanal.demo.content import chance, sentences
from fanal.demo.world import HOTLINE, SYSTEM, DemoEvent, World
from fanal.distribution import operations as distribution
from fanal.distribution.domain.package import PackageAcknowledgement, unseal
from fanal.intake import operations as intake
from fanal.orient import operations as orient

_DAY = timedelta(days=1)
_DESKS = (("ES-DESK", "Oficina Ejemplo", "ES"), ("IT-DESK", "Ufficio Esempio", "IT"))
"""The last one is registered, but no standing instruction allows sending to it."""
_NEW = ("DE-DESK", "Meldestelle Beispiel", "DE")
_SENDER = "desk@fanal.example"


def events() -> list[DemoEvent]:
    """Return the events between this desk and others, from the first registration on."""
    return [
        DemoEvent(before=200 * _DAY, play=_know),
        *(
            _report(f"OD-{country.lower()}-{number}", country, days)
            for number, (country, days) in enumerate(
                (("DE", 31), ("DE", 30), ("ES", 12), ("DE", 3), ("IT", 2), ("DE", 1))
            )
        ),
        DemoEvent(before=29 * _DAY, play=_acknowledged),
        DemoEvent(before=11 * _DAY, play=_dropped),
        DemoEvent(before=10 * _DAY, play=_sent),
        DemoEvent(before=2.5 * _DAY, play=_sent),
    ]


def _know(world: World, at: datetime) -> None:
    """Register the desks, with a standing instruction of two supervisors for the first."""
    for desk in _DESKS:
        _register(desk, at)
    _permit(world, at, "ES-DESK")


def _permit(world: World, at: datetime, code: str) -> datetime:
    """Approve a standing instruction for a desk by two supervisors; return the second approval's date."""
    later = at + _DAY
    world.permit(
        InstructionKind.DISTRIBUTION,
        (code,),
        "Les signalements qui relèvent d’un service étranger lui sont remis, sans l’identité de "
        "qui les a faits ; le service reste saisi de ceux qui le concernent aussi.",
        at,
        seconded=later,
    )
    return later


def _register(desk: tuple[str, str, str], at: datetime) -> pyrage.x25519.Identity:
    """Register a desk (code, name, country) and return its age private key."""
    code, name, country = desk
    identity = pyrage.x25519.Identity.generate()
    distribution.add_recipient(
        actor=SYSTEM,
        code=code,
        name=name,
        place=(country, ""),
        key=str(identity.to_public()),
        now=at,
    )
    return identity


def _report(name: str, country: str, days: float) -> DemoEvent:
    """Return the event of a report about a suspect abroad."""

    def play(world: World, at: datetime) -> None:
        _receive(world, name, at, country=country)

    return DemoEvent(before=days * _DAY, play=play, story="other desks", report=name)


def _receive(world: World, name: str, at: datetime, *, country: str) -> UUID:
    luck = chance(name)
    handle = {"platform": "Galleo", "value": f"{name.lower()}_{luck.randrange(100, 999)}"}
    return world.from_partner(
        name,
        {
            "kind": "GROOMING",
            "channel": "SOCIAL",
            "platform": "Galleo",
            "language": "fr",
            "description": sentences("GROOMING", "fr", luck),
            "persons": [{"role": "SUSPECT", "country": country, "handles": [handle]}],
        },
        at,
    )


def _sent(_world: World, at: datetime) -> None:
    """Send the waiting reports, without any acknowledgement."""
    distribution.send(
        actor=SYSTEM,
        sender=_SENDER,
        deliver=lambda _code, _package, _sealed: None,
        clock=lambda: at,
    )


def _acknowledged(world: World, at: datetime) -> None:
    """Send the waiting reports of a new desk, which acknowledges its package a day later."""
    identity = _register(_NEW, at)
    permitted = _permit(world, at, _NEW[0])
    sealed: list[bytes] = []
    distribution.send(
        actor=SYSTEM,
        sender=_SENDER,
        deliver=lambda _code, _package, content: sealed.append(content),
        clock=lambda: permitted,
    )
    later = permitted + _DAY
    manifest, _body = unseal(sealed[0], identity=str(identity))
    distribution.acknowledge(
        actor=SYSTEM,
        answer=PackageAcknowledgement(
            package=manifest.package,
            opened_at=later,
            reports=manifest.reports,
            token=manifest.token,
        ),
        now=later,
    )


def _dropped(world: World, at: datetime) -> None:
    """Receive and retract a report that waits to be sent."""
    report_id = _receive(world, "OD-dropped", at, country="ES")
    later, sender = at + timedelta(hours=1), world.partner(HOTLINE)
    intake.retract_report(actor=sender, report_id=report_id, now=later)
    orient.withdraw_case(actor=sender, report_id=report_id, now=later)
