"""Demo events of a money-transfer operator's file: suspects, an extorted adolescent, innocent customers.

The file is split and received as by `fanal import transfers`; intelligence sheets on some payers follow.
Some payers also occur in the live-streaming reports (`stories`); families, a student's parent and an
association's member are innocent.
"""

import io
from collections.abc import Iterator
from datetime import datetime, timedelta

from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.payments.domain.transfers import paid_in
from fanal.analyse.payments.queries import get_payer
from fanal.casework.domain.records import Event as Followed
from fanal.casework.operations.acts import take_step
from fanal.demo.content import chance
from fanal.demo.world import OPERATOR, DemoEvent, Play, World, submission_key
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import cut_parts
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.judicial import operations as judicial
from fanal.judicial.domain.kinds import SHEET
from fanal.kernel.calendar import PARIS
from fanal.web.desk.payments.views import around_of

_RECEIVED = timedelta(days=9)
_COLUMNS = (
    "N° d'opération", "Date de l'opération", "Montant", "Devise", "Motif", "Réseau", "Agence",
    "Nom du donneur d'ordre", "Prénom du donneur d'ordre", "N° client du donneur d'ordre",
    "Téléphone du donneur d'ordre", "Né(e) le", "Pays du donneur d'ordre", "Nom du bénéficiaire",
    "Prénom du bénéficiaire", "N° client du bénéficiaire", "Pays du bénéficiaire",
)  # fmt: skip
# Customer number: name, first name, telephone, date of birth.
_PAYERS = {
    "payeur-0": ("Exemple", "Adrien", "", "12/02/1968"),
    "payeur-1": ("Modèle", "Basile", "", "30/09/1975"),
    "payeur-2": ("Patron", "Cyril", "+33 6 39 98 00 40", "04/05/1971"),
    "payeur-3": ("Gabarit", "Denis", "", "19/11/1980"),
    "payeur-4": ("Canevas", "Émile", "", "23/06/1966"),
    "client-77": ("Épure", "Florian", "", ""),
    "client-21": ("Esquisse", "Gaëlle", "", "02/03/1984"),
    "client-22": ("Ébauche", "Hugo", "", "17/08/1979"),
    "client-23": ("Croquis", "Inès", "", "11/01/1990"),
    "client-24": ("Tracé", "Jules", "", "28/12/1972"),
}
_COUNTERS = {
    "guichet-31": ("Guichet", "Trente et un", "PH"),
    "guichet-44": ("Guichet", "Quarante-quatre", "PH"),
    "guichet-90": ("Guichet", "Quatre-vingt-dix", "CI"),
    "famille-21": ("Esquisse", "Lola", "PH"),
    "famille-22": ("Ébauche", "Noé", "SN"),
    "etudiante-23": ("Croquis", "Maya", "RO"),
    "association-24": ("Association", "Exemple", "FR"),
    "voyages-01": ("Voyages", "Exemple", "FR"),
}
SHEETS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("payeur-0", "TRACFIN", ("prepare", "send", "acknowledge")),
    ("payeur-1", "PROSECUTOR_OF_PARIS", ("prepare", "send")),
    ("payeur-3", "TRACFIN", ("prepare",)),
    ("payeur-4", "TRACFIN", ()),
    ("client-77", "OFMIN", ("withdraw",)),
)
"""Intelligence sheets: payer, addressee, transitions; `payeur-2` has no sheet yet."""
_ASSESSMENT = (
    "Les virements et les signalements liés désignent le même compte d’encaissement. L’appréciation porte"
    " sur les seuls documents joints ; aucune personne n’a été entendue."
)
_Row = tuple[str, str, datetime, int, str]


def events() -> list[DemoEvent]:
    """Return demo events: the file's receipt, one for each payer, and the intelligence sheets that follow."""
    received = [
        DemoEvent(
            before=_RECEIVED - timedelta(minutes=place),
            play=_receive(payer),
            story="transfers",
            report=f"TF-{payer}",
        )
        for place, payer in enumerate(_PAYERS)
    ]
    drafted = [
        DemoEvent(before=_RECEIVED - timedelta(days=1, hours=place), play=_sheet(*sheet))
        for place, sheet in enumerate(SHEETS)
    ]
    return [*received, *drafted]


def operator_file(at: datetime) -> bytes:
    """Build the operator's file at the instant `at`: CSV of a French agency network, in Windows-1252."""
    local = at.astimezone(PARIS)
    rows = sorted(_rows(local), key=lambda row: row[2])
    lines = [";".join(_COLUMNS)]
    for number, row in enumerate(rows, start=1):
        lines.append(";".join(_cells(number, row, local)))
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def _cells(number: int, row: _Row, local: datetime) -> list[str]:
    payer, counter, when, amount, label = row
    name, first, phone, born = _PAYERS[payer]
    if payer == "client-77":
        born = f"14/04/{local.year - 16}"
    to_name, to_first, country = _COUNTERS[counter]
    return [
        f"OP-{number:05d}", f"{when:%d/%m/%Y %H:%M}", f"{amount},00", "EUR", label, OPERATOR, "0117",
        name, first, payer, phone, born, "FR", to_name, to_first, counter, country,
    ]  # fmt: skip


def _rows(local: datetime) -> Iterator[_Row]:
    luck = chance("transfers")
    for place in range(5):
        payer, day, amount = f"payeur-{place}", 80.0 - 4 * place, 20
        counter = "guichet-44" if place == 0 else "guichet-31"
        for _ in range(9):
            evening = (local - timedelta(days=day)).replace(
                hour=luck.choice((22, 22, 23)), minute=luck.randrange(60)
            )
            yield payer, counter, evening, amount, luck.choice(("cadeau", "frais scolaires", ""))
            day -= luck.uniform(3, 7)
            amount += luck.choice((0, 5, 10))
    ticket = (local - timedelta(days=11)).replace(hour=12, minute=5)
    yield "payeur-3", "voyages-01", ticket, 680, "billet d'avion"
    pressed = (local - timedelta(days=40)).replace(hour=21, minute=10)
    for hours, amount in ((0, 50), (3, 100), (14, 150), (17, 200)):
        yield "client-77", "guichet-90", pressed + timedelta(hours=hours), amount, ""
    for month in range(3):
        yield "client-21", "famille-21", _noon(local, 85 - 30 * month), 200, "soutien familial"
        yield "client-22", "famille-22", _noon(local, 80 - 30 * month), 150, ""
        yield "client-24", "association-24", _noon(local, 77 - 30 * month), 20, "don"
    for day, amount in ((70, 300), (41, 120), (12, 300)):
        yield "client-23", "etudiante-23", _noon(local, day), amount, "loyer"


def _noon(local: datetime, days: float) -> datetime:
    return (local - timedelta(days=days)).replace(hour=12, minute=30)


def _receive(payer: str) -> Play:
    name = f"TF-{payer}"

    def play(world: World, at: datetime) -> None:
        file = operator_file(world.now - _RECEIVED)
        parts = [p for p in cut_parts(io.BytesIO(file)) if isinstance(p, PayerPart)]
        (part,) = [p for p in parts if f";{payer};".encode() in p.body]
        world.receive(
            Submission(
                arrival=Arrival.IMPORT,
                format=Format.TRANSFERS,
                body=part.body,
                canonical=part.body,
                keys=((KeyKind.REFERENCE, part.reference), submission_key(name)),
                reference=part.reference,
            ),
            at=at,
            sender=OPERATOR,
        )

    return play


def _sheet(payer: str, body: str, moves: tuple[str, ...]) -> Play:
    def play(world: World, at: datetime) -> None:
        analyst, officer = world.person("claire", at), world.person("driss", at)
        report_id = world.find(f"TF-{payer}", sender=OPERATOR)
        record = harmonised.get_records(actor=analyst, report_ids=[report_id])[report_id]
        key = paid_in(record, load_typologies().rates)[0].sender.id()
        found = get_payer(actor=analyst, payer=key, now=at)
        if found is None:
            raise LookupError(payer)
        around = around_of(found, actor=analyst)
        sheet_id = judicial.draft_sheet(
            actor=analyst,
            payer=found,
            reports=around.reports,
            linked=around.linked,
            body=body,
            now=at,
        )
        if moves and moves[0] == "prepare":
            judicial.amend_sheet(
                actor=officer, sheet_id=sheet_id, body=body, summary=_ASSESSMENT, now=at
            )
        for move in moves:
            proof = "Bordereau de transmission" if move in {"send", "acknowledge"} else ""
            take_step(
                actor=officer,
                lifecycle=SHEET,
                act_id=sheet_id,
                transition=move,
                event=Followed(happened_at=at, proof=proof),
                now=at,
            )

    return play
