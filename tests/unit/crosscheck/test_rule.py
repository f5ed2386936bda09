"""The rule on reports: what is certain, what is put to a person, and what says nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.truth.world import World
from fanal.crosscheck.domain.cards import card_of, pack_card, read_card
from fanal.crosscheck.domain.records import Link
from fanal.crosscheck.domain.weights import load_weights, read_weights, score_of
from fanal.crosscheck.engine.domain.sheet import sheet_of, sorted_rows
from fanal.crosscheck.links.domain.document_frequency import standing_of
from fanal.crosscheck.links.domain.linking import ReportWords, link, points_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.domain.sources.read import read_source
from fanal.reference.reader import ReferenceRefused

NOW = datetime(2026, 11, 26, tzinfo=UTC)
WEIGHTS = load_weights()
IBAN = "FR1420041010050500013M02606"


def suspect(**told: object) -> dict[str, object]:
    """A report with one suspect."""
    return {"persons": [someone("SUSPECT", **told)]}


def someone(role: str, **told: object) -> dict[str, object]:
    handle = told.pop("handle", None)
    lists = {"email": "emails", "phone": "phones", "device": "devices"}
    person: dict[str, object] = {"role": role}
    person |= {lists[key]: [value] for key, value in told.items() if key in lists}
    person |= {key: value for key, value in told.items() if key not in lists}
    if handle:
        name, platform = str(handle).split("@")
        person["handles"] = [{"platform": platform, "value": name}]
    return person


def harmonised(bodies: Iterable[dict[str, object]]) -> list[HarmonisedReport]:
    found = []
    for place, body in enumerate(bodies):
        whole = {"reference": str(place), "kind": "OTHER", **body}
        source = Source(
            report_id=UUID(int=place), desk_id=1, format="report/1", body=msgspec.json.encode(whole)
        )
        found.append(harmonise_one(source.report_id, read_source(source, received_at=NOW)))
    return found


def linked(bodies: Sequence[dict[str, object]], fresh: set[int] | None = None) -> list[Link]:
    reports = harmonised(bodies)
    sheet = sheet_of([pack_card(card_of(report)) for report in reports])
    everything = sheet.rows
    sheet = sorted_rows(sheet)
    standing, _ = standing_of(sheet.rows, everything, WEIGHTS)
    ids = [report.report_id for report in reports]
    asked = None if fresh is None else np.array([n in fresh for n in range(len(ids))])
    told = ReportWords(reports, ids)
    return list(link(sheet, standing, WEIGHTS, ids=ids, told=told.selector, fresh=asked))


def score(*bodies: dict[str, object]) -> float:
    found = linked(bodies)
    return found[-1].score if found else 0.0


def is_certain(*bodies: dict[str, object]) -> bool:
    return score(*bodies) >= WEIGHTS.strong


@pytest.mark.parametrize(
    "told",
    [
        {"email": "rare@mail.test"},
        {"handle": "rare_wolf@chatline"},
        {"phone": "+33639980001"},
        {"accounts": [{"kind": "IBAN", "value": IBAN}]},
        {"phone": "+33639980001", "name": "Jean Dupont"},
        {"device": "8f2c1a77-03d1-4a4e-9d38-1f0c5b6a9e11", "name": "Jean Dupont"},
    ],
)
def test_what_names_a_suspect_is_certain(told: dict[str, object]) -> None:
    assert is_certain(suspect(**told), suspect(**told))


@pytest.mark.parametrize(
    "told",
    [
        {"device": "8f2c1a77-03d1-4a4e-9d38-1f0c5b6a9e11"},
        {"phone": "+33199000001", "device": "8f2c1a77-03d1-4a4e-9d38-1f0c5b6a9e11"},
        {"accounts": [{"kind": "WALLET", "value": "0x" + "ab" * 20}]},
        {"handle": "alex12@chatline"},
    ],
)
def test_what_many_may_share_is_a_suggestion(told: dict[str, object]) -> None:
    found = score(suspect(**told), suspect(**told))
    assert WEIGHTS.shown <= found < WEIGHTS.strong


@pytest.mark.parametrize(
    "told",
    [
        {"email": "noreply@chatline.test"},
        {"phone": "+33600000000"},
        {"device": "00000000-0000-0000-0000-000000000000"},
        {"handle": "unknown@chatline"},
        {"name": "Jean Dupont", "birth_date": "1980-01-01"},
    ],
)
def test_fillers_and_names_alone_are_no_evidence(told: dict[str, object]) -> None:
    assert linked([suspect(**told), suspect(**told)]) == []


def test_suspects_who_differ_in_all_else_are_not_certain() -> None:
    first = suspect(handle="rare_wolf@chatline", email="a1@mail.test", phone="+33639980001")
    second = suspect(handle="rare_wolf@chatline", email="b2@mail.test", phone="+33639980002")
    (found,) = linked([first, second])
    assert found.score < WEIGHTS.strong
    assert {because_of(r) for r in found.reasons} >= {"CONFLICT_EMAIL", "CONFLICT_MOBILE"}
    named = [suspect(email="box@mail.test", name=name, phone=phone) for name, phone in (
        ("Jean Dupont", "+33639980001"), ("Karim Haddad", "+33639980002"))]  # fmt: skip
    assert not is_certain(*named)


def test_an_associate_is_not_called_a_suspect() -> None:
    told = {"email": "rare@mail.test", "handle": "rare_wolf@chatline"}
    (found,) = linked([suspect(**told), {"persons": [someone("ASSOCIATED", **told)]}])
    assert {because_of(reason) for reason in found.reasons} == {"SUSPECT_AND_ASSOCIATED"}


def test_roles_are_never_confused() -> None:
    told = {"email": "rare@mail.test", "handle": "rare_wolf@chatline", "phone": "+33639980001"}
    swapped = linked([suspect(**told), {"persons": [someone("VICTIM", **told)]}])
    assert all(found.score < WEIGHTS.strong for found in swapped)
    assert "ROLE_SWAP" in {because_of(r) for found in swapped for r in found.reasons}
    victims = [
        {"persons": [someone("SUSPECT", email=f"{n}x@mail.test"), someone("VICTIM", **told)]}
        for n in "ab"
    ]
    assert not is_certain(*victims)


def test_a_text_that_names_a_suspect_is_certain_with_two_values_only() -> None:
    known = suspect(email="rare@mail.test", phone="+33639980001")
    one = {"description": "He wrote from rare@mail.test."}
    two = {"description": "He wrote from rare@mail.test, his number is +33639980001."}
    assert WEIGHTS.doubtful <= score(known, one) < WEIGHTS.strong
    assert score(known, two) > score(known, one)


def test_an_address_counts_near_its_time_and_port_alone() -> None:
    def body(at: str, port: int | None = None, value: str = "192.0.2.9") -> dict[str, object]:
        ip = {"value": value, "at": f"2026-11-{at}:00Z"} | ({"port": port} if port else {})
        wallet = {"kind": "WALLET", "value": "0x" + "ab" * 20}
        return suspect(accounts=[wallet], ips=[ip])

    assert is_certain(body("20T10:00"), body("20T10:05"))
    assert not is_certain(body("20T10:00"), body("20T11:00"))
    assert is_certain(body("20T10:00", 4000), body("20T11:00", 4000))
    assert not is_certain(body("20T10:00", 4000), body("20T11:00", 5000))
    six = "2001:db8:1:2::"
    assert is_certain(body("20T10:00", value=f"{six}1"), body("20T19:00", value=f"{six}2"))
    assert not is_certain(body("20T10:00", value=f"{six}1"), body("27T19:00", value=f"{six}2"))


def test_a_name_or_mailbox_alone_is_not_certain_five_months_later() -> None:
    def on(day: str, **told: object) -> dict[str, object]:
        return suspect(**told) | {"occurred_at": f"{day}T10:00:00Z"}

    both = {"handle": "rare_wolf@chatline", "email": "rare@mail.test"}
    for name, value in both.items():
        told = {name: value}
        assert is_certain(on("2026-01-20", **told), on("2026-05-20", **told))
        assert is_certain(on("2026-01-20", **told), suspect(**told))
        (found,) = linked([on("2026-01-20", **told), on("2026-07-20", **told)])
        assert WEIGHTS.doubtful <= found.score < WEIGHTS.strong
        assert "APART" in {because_of(reason) for reason in found.reasons}
        assert not is_certain(on("2025-12-20", **told), on("2026-07-20", **told))
    assert is_certain(on("2026-01-20", **both), on("2026-07-20", **both))
    bank = {"accounts": [{"kind": "IBAN", "value": IBAN}]}
    assert is_certain(on("2026-01-20", **bank), on("2026-07-20", **bank))


def test_a_number_of_two_user_names_or_five_months_later_is_a_suggestion() -> None:
    number = {"phone": "+33639980001"}
    one, two = (suspect(**number, handle=f"{name}@chatline") for name in ("rare_a1", "rare_b2"))
    assert WEIGHTS.doubtful <= score(one, two) < WEIGHTS.strong
    days = [suspect(**number) | {"occurred_at": day} for day in ("2026-01-20", "2026-07-20")]
    assert WEIGHTS.doubtful <= score(*days) < WEIGHTS.strong


def test_a_mailbox_of_two_suspects_with_other_identifiers_is_a_suggestion() -> None:
    """People of one home share a mailbox; where one report names nothing else, nothing can speak against it."""
    mailbox = {"email": "box@mail.test"}
    one = suspect(**mailbox, handle="rare_wolf@chatline")
    two = suspect(**mailbox, phone="+33639980001")
    (found,) = linked([one, two])
    assert WEIGHTS.doubtful <= found.score < WEIGHTS.strong
    assert "ALONE" in {because_of(reason) for reason in found.reasons}
    assert is_certain(one, suspect(**mailbox))
    assert is_certain(one, suspect(**mailbox, handle="rare_wolf@chatline"))
    both = {"persons": [*one["persons"], someone("SUSPECT", phone="+33639980001")]}
    assert not is_certain(
        both, two | {"persons": [someone("SUSPECT", **mailbox, device="8f2c1a77")]}
    )


def test_a_number_of_two_suspects_with_other_identifiers_is_a_suggestion() -> None:
    """A number goes to another subscriber; where one report names nothing else, nothing can speak against it."""
    number = {"phone": "+33639980001"}
    one = suspect(**number, handle="rare_wolf@chatline")
    assert WEIGHTS.doubtful <= score(one, suspect(**number, email="box@mail.test")) < WEIGHTS.strong
    assert is_certain(one, suspect(**number))
    named = {"name": "Jean Dupont"}
    known = [
        suspect(**number, **named, **more)
        for more in ({"handle": "rare_wolf@chatline"}, {"email": "box@mail.test"})
    ]
    assert is_certain(*known)
    assert is_certain(one, suspect(**number, handle="rare_wolf@chatline"))


def test_a_user_name_stays_certain_though_the_mailbox_differs() -> None:
    name = {"handle": "rare_wolf@chatline"}
    assert is_certain(suspect(**name, email="a1@mail.test"), suspect(**name, email="b2@mail.test"))
    assert is_certain(suspect(**name, email="a1@mail.test"), suspect(**name, phone="+33639980001"))


def test_one_line_and_one_mailbox_of_two_user_names_are_a_household() -> None:
    ips = [{"value": "192.0.2.9", "at": "2026-11-20T10:00:00Z", "port": 4000}]
    home = {"email": "box@mail.test", "ips": ips}
    one, two = (suspect(**home, handle=f"{name}@chatline") for name in ("rare_a1", "rare_b2"))
    assert WEIGHTS.doubtful <= score(one, two) < WEIGHTS.strong
    assert is_certain(one, suspect(**home))


def test_names_meet_across_order_particles_and_scripts() -> None:
    pairs = (
        ("Jean de La Tour", "DE LA TOUR Jean"),
        ("Hélène L’Hénoret", "Helene L'Henoret"),
        ("Dmitri Kuznetsov", "Дмитрий Кузнецов"),
    )
    for one, two in pairs:
        assert is_certain(
            suspect(name=one, phone="+33639980001"), suspect(name=two, phone="+33639980001")
        )


def test_a_father_and_his_son_of_the_same_name_are_two_people() -> None:
    shared = {"name": "Anne Rarenom", "email": "rare@mail.test"}
    one, two = (suspect(**shared, birth_date=day) for day in ("1961-02-03", "1990-04-05"))
    assert WEIGHTS.doubtful <= score(one, two) < WEIGHTS.strong
    assert is_certain(one, one)


@pytest.mark.parametrize(
    "shared", [{"phone": "+33139980123"}, {"device": "8f2c1a77-03d1-4a4e-9d38-1f0c5b6a9e11"}]
)
def test_a_home_and_a_date_of_birth_are_one_person(shared: dict[str, object]) -> None:
    born = suspect(**shared, birth_date="1980-02-03")
    assert is_certain(born, born)
    twins = [
        suspect(**shared, birth_date="1980-02-03", name=name)
        for name in ("Jean Dupont", "Karim Haddad")
    ]
    assert not is_certain(*twins)
    year = suspect(**shared, birth_date="1980-01-01")
    assert not is_certain(year, year)
    assert score(year, born) == score(suspect(**shared), born)


def test_a_landline_is_a_question_while_nothing_differs() -> None:
    home = {"phone": "+33139980123"}
    assert WEIGHTS.doubtful <= score(suspect(**home), suspect(**home)) < WEIGHTS.strong
    one, two = (suspect(**home, handle=f"{name}@chatline") for name in ("rare_a1", "rare_b2"))
    assert score(one, two) < WEIGHTS.doubtful


def test_what_goes_round_loses_its_weight() -> None:
    file = {"files": [{"sha256": "ab" * 32}]}
    few, more, many = (linked([file] * n) for n in (2, 12, 31))
    assert few[0].score > 0.2
    assert more == many == []
    both = suspect(email="rare@mail.test") | file
    found = linked([file] * 31 + [both, both])
    (reason,) = [r for r in found[0].reasons if r.kind == "SHA256"]
    assert (reason.weight, because_of(reason)) == (0.0, "FILE_FREQUENT")


def test_a_person_reported_three_hundred_times_stays_one_and_a_hub_joins_nobody() -> None:
    often = linked([suspect(email="rare@mail.test")] * 300)
    assert all(found.score >= WEIGHTS.strong for found in often)
    assert {found.report_id.int for found in often} == set(range(1, 300))
    crowd = [suspect(email="box@mail.test", handle=f"person_{n}@chatline") for n in range(40)]
    hub = linked(crowd)
    assert all(found.score < WEIGHTS.strong for found in hub)
    assert {because_of(r) for r in hub[0].reasons} == {"HUB", "CONFLICT_HANDLE", "ALONE"}


def _ends(found: Link) -> tuple[UUID, UUID]:
    return found.report_id, found.other_id


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sets(st.integers(0, 99), min_size=1))
def test_a_part_finds_what_the_whole_finds_and_reasons_add_up(seed: int, part: set[int]) -> None:
    bodies = [told.body for told in World(100, seed=seed).reports()]
    whole = linked(bodies)
    touched = [found for found in whole if {found.report_id.int, found.other_id.int} & part]
    assert sorted(touched, key=_ends) == sorted(linked(bodies, fresh=part), key=_ends)
    for found in whole:
        assert found.score == round(score_of(points_of(found.reasons, WEIGHTS)), 4)
    cards = [card_of(report) for report in harmonised(bodies)]
    assert [read_card(pack_card(card)) for card in cards] == cards


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("certain = 1.0", "certain = 0.1"),
        ("[mark]", "[mark]\nNOISE = { base = 1, family = 'FILE' }"),
        ("hub_share = 0.35", "hub_share = 1.5"),
        ("[[5, 0.7], [11, 0.3], [31, 0.0]]", "[[5, 0.3], [11, 0.7]]"),
        ("EMAIL = { further = 0.5, most = 2.0 }", ""),
    ],
)
def test_a_broken_weight_file_is_refused(old: str, new: str) -> None:
    from importlib import resources

    text = resources.files("fanal.crosscheck").joinpath("data", "weights.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(ReferenceRefused):
        read_weights(text.replace(old, new))
