"""The removal request and the legal clock."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.casework.domain.records import Addressee
from fanal.kernel.calendar import PARIS
from fanal.kernel.refusal import Refusal
from fanal.measures.domain.clocks import (
    Suspension,
    first_contact_from,
    legal_deadline,
    non_disclosure_end,
)
from fanal.measures.domain.drafting import (
    Target,
    check_addressee,
    draft_requests,
)
from fanal.measures.domain.letters import (
    Issuer,
    canonical_bytes,
    defang,
    read_letter,
    read_request,
)
from fanal.measures.domain.records import MeasureKind, Request
from fanal.orient.domain.records import Basis

CATALOGUE = reference.load()
ON = date(2026, 11, 24)
HOST = Addressee(name="Hosting Ltd", contact="abuse@hosting.example")
OPEN = Basis(code="CP 227-23", entry_id="FR_CP_227_23@2021-04-23", opens_measures=True)


def make(**values: object) -> Request:
    fields: dict[str, object] = {
        "measure_id": UUID(int=7),
        "revision": 1,
        "kind": MeasureKind.REMOVAL,
        "addressee": HOST,
        "host": "pictures.example",
        "targets": ("https://pictures.example/a.b?c=1", "https://pictures.example/é"),
        "basis": "LCEN 6-1",
        "basis_entry": "FR_LCEN_6_1_REMOVAL@2025-06-15",
        "offence": "CP 227-23",
        "offence_entry": "FR_CP_227_23@2021-04-23",
    }
    return Request(**(fields | values))


def test_exact_in_the_machine_part_defanged_in_the_words() -> None:
    request = make()
    letter = read_letter(canonical_bytes(request, issuer=Issuer()))
    assert json.loads(letter.machine)["request"]["targets"] == list(request.targets)
    for text in (letter.fr, letter.en):
        assert "hxxps[:]//pictures[.]example/a.b?c=1" in text
        assert not re.search(r"https?://", text)


@pytest.mark.parametrize(
    ("lang", "contents"),
    [
        (
            "fr",
            ["6-1", "227-23", "227-23 du code pénal", "OFAC", "quarante-huit heures", "appel",
             "l’autorité émettrice", "Portée territoriale", "point de contact", "vingt-quatre heures",
             "ARCOM", "coordinateur pour les services numériques", "6-2-1"],
        ),
        (
            "en",
            ["Article 6-1", "Article 227-23", "OFAC", "forty-eight hours", "appealed", "issuing authority",
             "Territorial scope", "contact point", "twenty-four hours", "ARCOM",
             "Digital Services Coordinator", "6-2-1"],
        ),
    ],
)  # fmt: skip
def test_contents_of_article_9(lang: str, contents: list[str]) -> None:
    letter = read_letter(canonical_bytes(make(), issuer=Issuer()))
    text = letter.fr if lang == "fr" else letter.en
    for content in contents:
        assert content in text.replace("\u00a0", " ")
    assert "9 " in text
    assert HOST.contact in text


def test_non_disclosure_changes_what_is_asked() -> None:
    letter = read_letter(canonical_bytes(make(non_disclosure=True), issuer=Issuer()))
    assert "N’informez pas" in letter.fr
    assert "Do not inform" in letter.en


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=4),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.integers(1, 9),
)
def test_bytes_are_canonical_and_every_change_shows(
    targets: list[str], name: str, revision: int
) -> None:
    request = make(
        targets=tuple(targets),
        addressee=Addressee(name=name, contact="a@b.example"),
        revision=revision,
    )
    content = canonical_bytes(request, issuer=Issuer())
    assert content == canonical_bytes(request, issuer=Issuer())
    assert read_request(content) == request
    other = make(targets=(*targets, "x"), addressee=request.addressee, revision=revision)
    assert content != canonical_bytes(other, issuer=Issuer())


@given(st.text(max_size=60))
def test_defang_leaves_no_address_to_open(tail: str) -> None:
    shown = defang(f"https://a.b.example/{tail}")
    assert not shown.lower().startswith("http")
    assert "a[.]b[.]example" in shown


def test_drafts_group_by_host_and_leave_onions_out() -> None:
    targets = [
        Target(address="https://b.example/1", host="b.example"),
        Target(address="https://a.example/1", host="a.example"),
        Target(address="https://b.example/2", host="b.example"),
        Target(address="https://b.example/1", host="b.example"),
        Target(address="http://x.onion/", host="x.onion"),
    ]
    drafts = draft_requests(
        bases=[OPEN], targets=targets, catalogue=CATALOGUE, on=ON, addressees={"a.example": HOST}
    )
    assert [(d.host, d.targets) for d in drafts] == [
        ("b.example", ("https://b.example/1", "https://b.example/2")),
        ("a.example", ("https://a.example/1",)),
    ]
    assert drafts[1].addressee == HOST
    assert drafts[0].basis_entry == "FR_LCEN_6_1_REMOVAL@2025-06-15"


@pytest.mark.parametrize(
    ("bases", "targets", "code"),
    [
        ([OPEN], [], "NO_TARGET"),
        ([OPEN], [Target(address="http://x.onion/", host="x.onion")], "NO_TARGET"),
        ([], [Target(address="https://a.example/", host="a.example")], "MEASURES_CLOSED"),
        # What a decision says of itself is not believed: the law is asked again.
        (
            [Basis(code="CP 227-22-1", entry_id="FR_CP_227_22_1@2007-03-07", opens_measures=True)],
            [Target(address="https://a.example/", host="a.example")],
            "MEASURES_CLOSED",
        ),
    ],
)
def test_drafts_refused(bases: list[Basis], targets: list[Target], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        draft_requests(bases=bases, targets=targets, catalogue=CATALOGUE, on=ON, addressees={})
    assert refused.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        Addressee(name="A\nB", contact="a@b.example"),
        Addressee(name="A", contact="a@b.example x@y.example"),
        Addressee(name="A" * 201, contact="a@b.example"),
        Addressee(name="A", contact="a@b.example", language="français"),
        Addressee(name="A\u202eB", contact="a@b.example"),
    ],
)
def test_addressee_refused(wrong: Addressee) -> None:
    with pytest.raises(Refusal, match="ADDRESSEE_UNREADABLE"):
        check_addressee(wrong)


INSTANTS = st.datetimes(datetime(2025, 7, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def test_no_receipt_no_legal_clock() -> None:
    assert legal_deadline(catalogue=CATALOGUE, received_at=None, suspensions=()) is None


@given(INSTANTS)
def test_legal_clock_is_24_elapsed_hours(received: datetime) -> None:
    for zone in (UTC, PARIS, ZoneInfo("Pacific/Auckland")):
        due = legal_deadline(
            catalogue=CATALOGUE, received_at=received.astimezone(zone), suspensions=()
        )
        assert due == received + timedelta(hours=24)


@given(INSTANTS, st.integers(0, 3000), st.integers(0, 3000))
def test_suspension_restarts_and_an_open_one_stops(
    received: datetime, after: int, length: int
) -> None:
    since = received + timedelta(minutes=after)
    ended = Suspension(since=since, until=since + timedelta(minutes=length))
    lasting = Suspension(since=since, until=None)
    due = legal_deadline(catalogue=CATALOGUE, received_at=received, suspensions=[ended])
    assert due == since + timedelta(minutes=length, hours=24)
    assert (
        legal_deadline(catalogue=CATALOGUE, received_at=received, suspensions=[ended, lasting])
        is None
    )


def test_first_contact_and_non_disclosure() -> None:
    at = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # the clocks change during the night
    assert first_contact_from(catalogue=CATALOGUE, informed_at=at) == at + timedelta(hours=12)
    end = non_disclosure_end(catalogue=CATALOGUE, decided_at=at)
    assert end.astimezone(PARIS) == datetime(2026, 5, 9, 21, 0, tzinfo=PARIS)
