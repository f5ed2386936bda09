"""Demo events of exchange with others: packages for other desks, lists of hashes with partners."""

from datetime import datetime, timedelta
from uuid import UUID

import pyrage

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.queries.instructions import standing_in_force
from fanal.analyse.material.domain.lists import ListAttributes, Sharing
from fanal.analyse.material.operations.list_imports import create_list
from fanal.analyse.material.queries.lists import find_list
from fanal.demo.content import chance, hashes, sentences
from fanal.demo.world import HOTLINE, SYSTEM, DemoEvent, World
from fanal.distribution.domain.package import PackageAcknowledgement, unseal
from fanal.distribution.operations.recipients import add_recipient
from fanal.distribution.operations.sending import acknowledge, send
from fanal.exchange import queries
from fanal.exchange.domain.feed import before
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage, Service
from fanal.exchange.operations.serving import note_refusal, open_lists, reading, serve_page
from fanal.exchange.operations.sources import add_source, note_failure, switch_source, take_page
from fanal.intake.operations.lifecycle import retract_report
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.orient.queue.operations import withdraw_case

# Distribution: packages acknowledged, pending and overdue; reports waiting and dropped.

_DAY = timedelta(days=1)
_DESKS = (("ES-DESK", "Oficina Ejemplo", "ES"), ("IT-DESK", "Ufficio Esempio", "IT"))
"""The last one is registered, but no standing instruction allows sending to it."""
_NEW = ("DE-DESK", "Meldestelle Beispiel", "DE")
_SENDER = "desk@fanal.example"


def package_events() -> list[DemoEvent]:
    """Return the demo events between this desk and desks of other countries, from their registration on."""
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
    """Register the desks of other countries, and approve the sending of packages to the first."""
    for desk in _DESKS:
        _register(desk, at)
    _permit(world, at, "ES-DESK")


def _permit(world: World, at: datetime, code: str) -> datetime:
    """Approve a standing instruction to send reports to the desk `code`, by two supervisors.

    Returns the date of the second approval.
    """
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
    """Register a desk of another country (code, name, country), and return its age private key."""
    code, name, country = desk
    identity = pyrage.x25519.Identity.generate()
    add_recipient(
        actor=SYSTEM,
        code=code,
        name=name,
        place=(country, ""),
        key=str(identity.to_public()),
        now=at,
    )
    return identity


def _report(name: str, country: str, days: float) -> DemoEvent:
    """Return the event of a report about a suspect in `country`, `days` before the loading.

    `name` seeds its random values and is its reference.
    """

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
    """Send the waiting reports, at `at`, to other countries' desks that a standing instruction permits.

    The packages are recorded as sent but delivered to nobody, and never acknowledged.
    """
    send(
        actor=SYSTEM,
        sender=_SENDER,
        deliver=lambda _code, _package, _sealed: None,
        clock=lambda: at,
    )


def _acknowledged(world: World, at: datetime) -> None:
    """Register a new desk, and send it the waiting reports; it acknowledges its package a day later."""
    identity = _register(_NEW, at)
    permitted = _permit(world, at, _NEW[0])
    sealed: list[bytes] = []
    send(
        actor=SYSTEM,
        sender=_SENDER,
        deliver=lambda _code, _package, content: sealed.append(content),
        clock=lambda: permitted,
    )
    later = permitted + _DAY
    manifest, _body = unseal(sealed[0], identity=str(identity))
    acknowledge(
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
    """Receive a report that waits to be sent to another desk, and retract it: it is never sent."""
    report_id = _receive(world, "OD-dropped", at, country="ES")
    later, sender = at + timedelta(hours=1), world.partner(HOTLINE)
    retract_report(actor=sender, report_id=report_id, now=later)
    withdraw_case(actor=sender, report_id=report_id, now=later)


# List exchange: members that have read, one refused request, sources in each state.

_HOUR = timedelta(hours=1)
_BASIS = "LOI_78_17_TITRE_III"
_QUAY, _BAY, _ISLE = "Quai Exemple (relevée)", "Baie Exemple (relevée)", "Île Exemple (relevée)"
_PAGE, _WEEK = 100, 10_080


def list_events() -> list[DemoEvent]:
    """Return the demo events between the desk's lists of known material and those of partners."""
    return [
        DemoEvent(before=55 * _DAY, play=_permit_lists),
        DemoEvent(before=50 * _DAY, play=_read_to_the_end),
        DemoEvent(before=45 * _DAY, play=_add_sources),
        DemoEvent(before=20 * _HOUR, play=_begun),
        DemoEvent(before=3 * _HOUR, play=_refused),
        DemoEvent(before=2 * _HOUR, play=_fetched),
    ]


def _permit_lists(world: World, at: datetime) -> None:
    """Approve, by two supervisors, that the worker fetches lists from partners (a standing instruction)."""
    world.permit(
        InstructionKind.LIST_FETCH,
        (_QUAY, _ISLE),
        "Les empreintes d’un partenaire sont relevées chaque heure dans une liste à part, avec "
        "leur origine et la confiance qu’il leur donne.",
        at,
        seconded=at + _HOUR,
    )


def _add_sources(world: World, at: datetime) -> None:
    """Add four sources of lists: fetched; refused by its server; without permission; switched off."""
    claire = world.person("claire", at)
    for name, listed, minutes in (
        ("Quai Exemple", _QUAY, _WEEK),  # so that the demo's own worker fetches nothing meanwhile
        ("Île Exemple", _ISLE, _WEEK),
        ("Baie Exemple", _BAY, 60),
        ("Port Exemple", _BAY, 1440),
    ):
        over_taxii = listed == _ISLE
        if find_list(name=listed) is None:
            said = ListAttributes(confidence=70, legal_basis=_BASIS, sharing=Sharing.DESK)
            create_list(actor=claire, name=listed, attributes=said, now=at)
        found = find_list(name=listed)
        assert found is not None  # noqa: S101 - made above
        add_source(
            actor=claire,
            source=ListSource(
                id=new_id(at),
                name=name,
                kind=Service.TAXII if over_taxii else Service.HASHSHARING,
                url=f"https://{name.split()[0].lower().replace('î', 'i')}.example/lists",
                collection="empreintes" if over_taxii else "",
                list_id=found.id,
                login="fanal",
                every_minutes=minutes,
                added_at=at,
            ),
            now=at,
        )
    switch_source(actor=claire, source=_source("Port Exemple"), enabled=False, now=at + 2 * _DAY)


def _fetched(_world: World, at: datetime) -> None:
    """Store two fetched pages of a source, with a withdrawal; record that another source's server refuses."""
    source = _source("Quai Exemple")
    entries = tuple(
        RemoteEntry(
            key=f"e-{n}", values=(("MD5", hashes(f"quay/{n}")["md5"]),), classification="B2"
        )
        for n in range(12)
    )
    gone = RemoteEntry(key="e-3", values=(), deleted=True)
    under = standing_in_force(kind=InstructionKind.LIST_FETCH, scope=_QUAY, now=at)
    for turn, page in enumerate(
        (
            RemotePage(entries=entries, position="{}", finished=False),
            RemotePage(entries=(gone,), position="{}", finished=True),
        )
    ):
        take_page(
            actor=SYSTEM,
            source=source,
            page=page,
            turn=turn,
            under=under,
            now=at + turn * timedelta(minutes=1),
        )
    note_failure(actor=SYSTEM, source=_source("Île Exemple"), code="NOT_AUTHORISED", now=at)


def _read_to_the_end(world: World, at: datetime) -> None:
    """Let a provider read all lists open to it, to the end."""
    _read(world.partner("Castlequest"), Service.HASHSHARING, at, limit=100_000)


def _begun(world: World, at: datetime) -> None:
    """Let a partner read only the first page of a list."""
    _read(world.partner(HOTLINE), Service.TAXII, at, limit=_PAGE)


def _read(actor: Actor, service: Service, at: datetime, *, limit: int) -> None:
    with reading():
        lists = open_lists(actor=actor, now=at)
        serve_page(
            actor=actor,
            service=service,
            lists=lists[:1] if service is Service.TAXII else lists,
            cursor=before(1),
            last=queries.newest_place(),
            limit=limit,
            now=at,
        )


def _refused(world: World, at: datetime) -> None:
    """Record a provider's invalid request to read a list, which the hash-sharing service refused."""
    note_refusal(
        actor=world.partner("Chatoria"), service=Service.HASHSHARING, code="BAD_DATE", now=at
    )


def _source(name: str) -> ListSource:
    found = queries.find_source(actor=SYSTEM, name=name)
    assert found is not None  # noqa: S101 - added by an earlier event
    return found
