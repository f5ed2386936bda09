"""Demo events of people and partners: accounts, authorisations (habilitations), quotas; people's own records.

Their own records are notes, saved views of the queue, and opened identities of reporters. `world` performs
the operations of the demo at past dates; `at` is the date of the event.
"""

from datetime import datetime, timedelta

from fanal.accounts.domain.demo import DEMO_ACCOUNTS, DemoAccount
from fanal.accounts.domain.records import (
    NewAccount,
    NewHabilitation,
    ReviewVerdict,
    RevocationReason,
)
from fanal.accounts.operations import habilitations
from fanal.accounts.operations.demo import ensure_demo_accounts
from fanal.accounts.operations.desks import ensure_desk
from fanal.accounts.operations.habilitations import AT_A_DESK
from fanal.accounts.operations.partners import add_partner, spend_quota
from fanal.accounts.operations.people import create_account
from fanal.accounts.queries import people as queries
from fanal.crosscheck.dossiers.names import name_dossier
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.demo.world import HOTLINE, SYSTEM, DemoEvent, Play, World
from fanal.harmonise.openings import openings_of_report
from fanal.harmonise.operations.identity import open_identity, see_opening
from fanal.kernel.actors import Role
from fanal.orient.assignment.operations import assign_report
from fanal.orient.domain.records import QueueFilter, QueueView, Track
from fanal.orient.domain.states import CaseState
from fanal.orient.operations.notes import note_dossier, note_report
from fanal.orient.queue.operations import save_view
from fanal.orient.queue.queries import list_queue

OPENED = timedelta(days=400)
_RENEWED = timedelta(days=40)
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
WEST = 2
PROVIDERS: tuple[tuple[str, int | None], ...] = (
    (HOTLINE, 60), ("Chatoria", 600), ("Pixelnest", 300), ("Castlequest", None),
)  # fmt: skip
_OTHERS: tuple[tuple[str, str, Role, int, int], ...] = (
    # login, name, role, days from now to the start, days from now to the end
    ("lucie", "Lucie Morel", Role.ANALYST, -355, 10),
    ("marc", "Marc Thévenet", Role.ANALYST, -300, 60),
    ("nadia", "Nadia Ferrand", Role.JUDICIAL_OFFICER, -390, -30),
)


def events() -> list[DemoEvent]:
    """Return the demo events of the desk's people (accounts, authorisations) and of its partners."""
    return [
        DemoEvent(before=OPENED, play=open_desk),
        DemoEvent(before=timedelta(days=399), play=_admit_partners),
        DemoEvent(before=timedelta(days=355), play=_habilitate_others),
        DemoEvent(before=timedelta(days=80), play=_review),
        DemoEvent(before=timedelta(hours=1), play=_use_quota),
    ]


def open_desk(world: World, at: datetime) -> None:
    """Open the demo accounts, with personal authorisations (habilitations) that are renewed after a year.

    `fanal run` may already have created the accounts as of now: missing periods of the past are added.
    """
    ensure_desk(actor=SYSTEM, desk_id=WEST, code="OUEST", name="Antenne Ouest")
    ensure_demo_accounts(actor=SYSTEM, now=at)
    for account in DEMO_ACCOUNTS:
        for start in (at, world.now - _RENEWED):
            for instant in (start, start + _RENEWED - _DAY, start + _YEAR - _DAY):
                if account.role not in world.person(account.username, instant).roles:
                    _grant(account, start)


def _grant(account: DemoAccount, start: datetime) -> None:
    user = queries.find_user(username=account.username)
    if user is None:
        raise LookupError(account.username)
    body = account.organisation
    habilitations.grant_habilitation(
        actor=SYSTEM,
        habilitation=NewHabilitation(
            person_id=user.person_id,
            role=account.role,
            desk_id=1 if account.role in AT_A_DESK else None,
            organisation_id=queries.find_partner(name=body[1]) if body else None,
            act_reference="DEMO",
            valid_from=start,
            valid_until=start + _YEAR,
        ),
        now=start,
    )


def _admit_partners(world: World, at: datetime) -> None:
    del world
    for name, quota in PROVIDERS:
        add_partner(actor=SYSTEM, name=name, now=at, quota=quota)


def _habilitate_others(world: World, at: datetime) -> None:
    """Open accounts with a personal authorisation (habilitation): about to end, later revoked, or ended."""
    for login, name, role, first, last in _OTHERS:
        user = queries.find_user(username=login) or create_account(
            actor=SYSTEM, account=NewAccount(username=login, name=name), now=at
        )
        habilitations.grant_habilitation(
            actor=SYSTEM,
            habilitation=NewHabilitation(
                person_id=user.person_id,
                role=role,
                desk_id=1,
                act_reference=f"DEMO {login}",
                valid_from=world.now + timedelta(days=first),
                valid_until=world.now + timedelta(days=last),
            ),
            now=at,
        )


def _review(world: World, at: datetime) -> None:
    """Confirm one authorisation (habilitation) at the quarterly review; revoke a former employee's."""
    claire = world.person("claire", at)
    by_act = {h.act_reference: h.id for h in queries.list_habilitations(actor=claire)}
    habilitations.review_habilitation(
        actor=claire, habilitation_id=by_act["DEMO lucie"], verdict=ReviewVerdict.KEEP, now=at
    )
    habilitations.revoke_habilitation(
        actor=claire, habilitation_id=by_act["DEMO marc"], reason=RevocationReason.LEFT, now=at
    )


def _use_quota(world: World, at: datetime) -> None:
    """Make a quota visible in use: issue a credential to a provider, and count some calls within a minute."""
    issued = add_partner(actor=SYSTEM, name="Galleo", now=at, quota=120)
    identity = queries.authenticate_partner_bearer(
        authorization=f"Bearer {issued.token}", now=world.now
    )
    if identity is not None:
        for _ in range(7):
            spend_quota(identity=identity, now=at)


NAMED = "ID-1"
_NOTES: tuple[tuple[str, float, str, str], ...] = (
    # report, days before loading, author, note
    ("RG-11", 8.5, "ana", "Même tournure que dans RG-03 : comparer les deux conversations."),
    ("RG-11", 7.2, "bruno", "Comparé : mêmes fautes, mêmes heures. Le jeu a répondu à la réquisition."),
    ("MI-21", 2.1, "bruno", "L’hébergeur a changé d’adresse dans la nuit ; à revoir avant de décider."),
)  # fmt: skip


def own_events() -> list[DemoEvent]:
    """Return demo events of notes and saved views, and of a report whose author is called back later."""
    return [
        DemoEvent(before=25 * _DAY, play=_reported_under_a_name, story="identity", report=NAMED),
        *(
            DemoEvent(before=timedelta(days=days), play=_note(report, who, words))
            for report, days, who, words in _NOTES
        ),
        DemoEvent(before=timedelta(hours=22), play=_note_on_the_ring),
        DemoEvent(before=timedelta(hours=21), play=_keep_views),
        DemoEvent(before=timedelta(minutes=35), play=_assign),
    ]


def open_identities(world: World, at: datetime) -> None:
    """Disclose a reporter's identity twice: one disclosure already reviewed by another person, one not yet.

    `at` is the date of the second. Call it outside a transaction: a disclosure is committed before the
    identity is displayed.
    """
    claire, first = world.person("claire", at), at - 24 * _DAY
    report_id = world.find(NAMED, sender="")
    if openings_of_report(actor=claire, report_id=report_id):
        return
    opened = open_identity(
        actor=world.person("claire", first),
        report_id=report_id,
        motive="Rappel de la personne, à sa demande, pour préciser le nom du salon de discussion.",
        now=first,
    )
    see_opening(
        actor=world.person("gabrielle", first + _DAY),
        opening_id=opened.opening_id,
        now=first + _DAY,
    )
    open_identity(
        actor=world.person("driss", at),
        report_id=report_id,
        motive="Réquisition du parquet : identité de la personne qui a signalé, pour audition.",
        now=at,
    )


def _reported_under_a_name(world: World, at: datetime) -> None:
    answers = {
        "danger": "NO",
        "kind": "GROOMING",
        "channel": "GAME",
        "service": "Starlane",
        "nickname": "comete_rousse",
        "when": "YESTERDAY",
        "description": "Un joueur demande à mon neveu de continuer la discussion ailleurs.",
        "child": "KNOWN",
        "child_age": "12",
        "contact": "CONTACT",
        "your_name": "Alix Fontaine",
        "your_email": "alix@mail.example",
    }
    report_id = world.from_form(NAMED, answers, at)
    world.decide(report_id, at + timedelta(hours=9), tracks=(Track.JUDICIAL,))


def _note(report: str, who: str, words: str) -> Play:
    def play(world: World, at: datetime) -> None:
        note_report(actor=world.person(who, at), report_id=world.find(report), words=words, now=at)

    return play


def _note_on_the_ring(world: World, at: datetime) -> None:
    claire = world.person("claire", at)
    dossier_id = dossier_of(actor=claire, report_id=world.find("RG-11"))
    if dossier_id is None:
        raise LookupError("RG-11")
    note_dossier(
        actor=claire,
        dossier_id=dossier_id,
        words="Réunion avec l’office mineurs jeudi : préparer la liste des pseudonymes par jeu.",
        now=at,
    )
    name_dossier(actor=claire, dossier_id=dossier_id, name="Le cercle des trois jeux", now=at)


_GIVEN = 6


def _assign(world: World, at: datetime) -> None:
    """Assign the newest waiting reports in turn to two analysts; one hands hers over, with a note."""
    claire, ana, bruno = (world.person(name, at) for name in ("claire", "ana", "bruno"))
    page = list_queue(
        actor=claire, view=QueueView.OPEN, filters=QueueFilter(level="NORMAL"), now=at, limit=50
    )
    free = [case for case in page.cases if case.state is CaseState.TO_ASSESS][:_GIVEN]
    for number, case in enumerate(free):
        to = (ana, bruno)[number % 2].person_id
        assign_report(actor=claire, report_id=case.report_id, to=to, now=at)
    if free:
        assign_report(
            actor=ana,
            report_id=free[0].report_id,
            to=bruno.person_id,
            note="Je suis en formation demain : la plateforme répond avant midi.",
            now=at + timedelta(minutes=4),
        )


def _keep_views(world: World, at: datetime) -> None:
    """Save a private view of the queue, and one shared with the desk."""
    save_view(
        actor=world.person("ana", at),
        name="Jeux, à prendre",
        view=QueueView.OPEN,
        filters=QueueFilter(kind="GROOMING", channel="GAME"),
        now=at,
    )
    save_view(
        actor=world.person("claire", at),
        name="Chantage en cours",
        view=QueueView.OPEN,
        filters=QueueFilter(kind="SEXTORTION"),
        now=at,
        share_with=1,
    )
