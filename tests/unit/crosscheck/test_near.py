"""What is near: texts with small changes, other pages of one thing, postal addresses; and what is not."""

import time
from random import Random
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, strategies as st

from fanal.crosscheck.similar.domain.pairs import (
    NAME,
    PICTURE,
    TEXT,
    First,
    NearWorld,
    Neighbour,
    Values,
    joined,
    keys_of,
    near_of,
    near_spelled,
    sharing_values,
    spelled_of,
)
from fanal.crosscheck.similar.domain.rules import load_near_rules
from fanal.crosscheck.similar.domain.sketch import (
    Sketch,
    Sketcher,
    family_of,
    forms_of,
    mirror_of,
    postal_keys,
    sound_of,
)
from fanal.formats.report.records import Handle, Message, Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import (
    Extra,
    HarmonisedReport,
    Selector,
    SelectorKind,
    SelectorRole,
)

RULES = load_near_rules()
SKETCHER = Sketcher(b"secret of a test", RULES)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(luck: Random, count: int) -> list[str]:
    return ["".join(luck.choices(LETTERS, k=luck.randint(2, 9))) for _ in range(count)]


def report(number: int, text: str, *messages: str) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=number),
        reference=str(number),
        kind=ReportKind.OTHER,
        description=text or None,
        conversation=tuple(Message(text=message) for message in messages),
    )


def near(
    *reports: HarmonisedReport, worn: frozenset[int] = frozenset()
) -> dict[int, dict[int, int]]:
    """Return for each report by number the earlier ones near it in text, with the hundredths shared."""
    sketches = {r.report_id: SKETCHER.sketch(r) for r in reports}
    found = near_of(sketches, NearWorld(sketches=sketches, worn=worn, near={}), RULES)
    return {
        i.int: {f.other_id.int: f.measure for f in each if f.kind == TEXT}
        for i, each in found.items()
    }


@pytest.mark.parametrize("seed", range(10))
def test_a_text_that_comes_back_with_a_few_other_words_is_near(seed: int) -> None:
    luck = Random(seed)
    text = words(luck, 60)
    changed = list(text)
    for place in luck.sample(range(60), 4):
        changed[place] = words(luck, 1)[0]
    other = words(luck, 60)
    found = near(*(report(n, " ".join(t)) for n, t in enumerate((text, changed, other), 1)))
    assert set(found[2]) == {1}
    assert found[2][1] >= 50
    assert not found[1]
    assert not found[3]


def test_case_accents_figures_and_addresses_make_no_difference() -> None:
    luck = Random(1)
    text = words(luck, 30)
    one = " ".join([*text[:10], "envoyé", "120", "https://a.test/x", *text[10:]])
    two = " ".join([*text[:10], "ENVOYE", "80", "https://b.test/y", *text[10:]])
    assert near(report(1, one), report(2, two))[2] == {1: 100}


def test_a_conversation_in_messages_is_near_the_same_one_pasted() -> None:
    lines = [" ".join(words(Random(n), 8)) for n in range(6)]
    assert near(report(1, "", *lines), report(2, "\n".join(lines)))[2] == {1: 100}


def test_part_of_a_longer_text_is_found() -> None:
    luck = Random(3)
    text, more = words(luck, 60), words(luck, 60)
    found = near(report(1, " ".join(text)), report(2, " ".join([*text, *more])))
    assert found[2][1] >= 50


def test_formulas_are_too_short_and_what_goes_round_counts_for_nothing() -> None:
    short, text = " ".join(words(Random(4), 20)), " ".join(words(Random(5), 60))
    assert not near(report(1, short), report(2, short))[2]
    worn = SKETCHER.sketch(report(1, text)).keys
    assert not near(report(1, text), report(2, text), worn=worn)[2]
    own = " ".join(words(Random(6), 40))
    pair = report(1, f"{text} {own}"), report(2, f"{text} {own}")
    assert near(*pair, worn=worn)[2] == {1: 100}
    assert not near(report(1, f"{text} {own}"), report(2, text), worn=worn)[2]


def test_digests_of_two_secrets_never_meet() -> None:
    one = report(1, " ".join(words(Random(7), 60)))
    other = Sketcher(b"another secret", RULES)
    assert not SKETCHER.sketch(one).keys & other.sketch(one).keys


def test_few_are_put_beside_a_report_whatever_the_order() -> None:
    text = words(Random(8), 60)
    reports = [report(n, " ".join([*text, f"und{n}"])) for n in range(1, 9)]
    found = near(*reports)
    assert all(len(others) == min(n - 1, RULES.suggested) for n, others in found.items())
    assert near(*reversed(reports)) == found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.test/gallery/8842/view", "https://b.test/gallery/8842/view", True),
        ("https://www.a.test/gallery/8842/", "http://mirror.example/gallery/8842", True),
        ("https://a.test/t.php?id=88421", "https://b.test/t.php?id=88421", True),
        ("https://a.test/t.php?id=88421", "https://b.test/t.php?id=88422", False),
        ("https://a.test/s/a3b9f77k", "https://b.test/s/a3b9f77k", True),
        ("https://a.test/one-rare-name-of-it", "https://b.test/one-rare-name-of-it", True),
        ("https://a.test/contact", "https://b.test/contact", False),
        ("https://a.test/f/viewtopic.php?t=12", "https://b.test/f/viewtopic.php?t=12", False),
        ("https://a.test/wp-content/2025/12/", "https://b.test/wp-content/2025/12/", False),
        ("https://a.test/", "https://b.test/", False),
    ],
)
def test_mirrors(one: str, other: str, same: bool) -> None:
    keys = mirror_of(one, RULES.page.path), mirror_of(other, RULES.page.path)
    assert (keys[0] is not None and keys[0] == keys[1]) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.test/u/rare/1.html", "https://a.test/u/rare/two.html", True),
        ("https://a.test/album7/001.jpg", "https://www.a.test/album7/002.jpg", True),
        ("https://a.test/t.php?id=5&page=2", "https://a.test/t.php?id=5", True),
        ("https://a.test/t.php?id=5&page=2", "https://a.test/t.php?id=6&page=2", False),
        ("https://a.test/watch/abc", "https://a.test/watch/def", False),
        ("https://a.test/u/rare/1.html", "https://b.test/u/rare/1.html", False),
        ("https://a.test/one", "https://a.test/two", False),
    ],
)
def test_families(one: str, other: str, same: bool) -> None:
    keys = family_of(one), family_of(other)
    assert (keys[0] is not None and keys[0] == keys[1]) is same


@pytest.mark.parametrize(
    ("street", "codes", "town"),
    [
        ("12 bis, rue du Général-Inventé", {"99001"}, ""),
        ("12 BIS R. DU GAL INVENTE", {"99001"}, "Ailleurs"),
        ("12bis rue du général inventé 99001 Exempleville", set(), ""),
        ("12 b, rue du General Invente", {"99001"}, "EXEMPLEVILLE"),
    ],
)
def test_one_postal_address_however_it_is_written(street: str, codes: set[str], town: str) -> None:
    assert "12b rue general invente 99001" in forms_of(street, codes, town)


@pytest.mark.parametrize(
    ("street", "codes"),
    [
        ("rue sans numéro", {"99001"}),
        ("12 rue des Lilas", {"99001", "99002"}),
        ("12", {"99001"}),
        ("", set()),
    ],
)
def test_an_address_without_number_name_or_sure_place_is_none(street: str, codes: set[str]) -> None:
    assert forms_of(street, codes, "") == set()


def test_a_street_of_the_wire_is_read_with_its_town_and_never_the_reporters() -> None:
    person = "report/personOrUserReported[1]/personOrUserReportedPerson/address[1]"
    found = postal_keys(
        msgspec.structs.replace(
            report(1, ""),
            persons=(
                Person(role=PersonRole.REPORTER, postcode="99009"),
                Person(role=PersonRole.SUSPECT, postcode="99001"),
            ),
            extra=(
                Extra(path=f"{person}/address", value="3 av. des Lilas"),
                Extra(path=f"{person}/city", value="Exempleville"),
                Extra(path="report/reporter/reportingPerson/address[1]/address", value="1 r. X Y"),
            ),
        )
    )
    assert found == {"3 avenue lilas 99001", "3 avenue lilas exempleville"}


def test_a_street_of_the_police_export_is_read_with_its_town() -> None:
    home = "reportedInformation/reportedPeople/reportedPersons[1]/addresses/addresses[1]"
    found = postal_keys(
        msgspec.structs.replace(
            report(1, ""),
            extra=(
                Extra(path=f"{home}/street1", value="3 av. des Lilas"),
                Extra(path=f"{home}/street2", value="12 second line"),
                Extra(path=f"{home}/city", value="Exempleville"),
            ),
        )
    )
    assert found == {"3 avenue lilas exempleville"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("محمد العربي", "EL ARABI Mohammed"),
        ("عبد القادر بن صالح", "Abdelkader Bensalah"),
        ("يوسف خليل", "Youssef Khalil"),
        ("أحمد الشريف", "Ahmed Cherif"),
        ("جمال قاسم", "Djamel Kacem"),
        ("Jamal Qasim", "Djamel Kacem"),
        ("كريم مختار", "Kareem Mukhtar"),
        ("فَاطِمَة الزَّهْرَاء", "Fatima Zahra"),
        ("Tarek Bouzid", "طارق بوزيد"),
    ],
)
def test_a_name_sounds_the_same_in_both_scripts(one: str, other: str) -> None:
    assert sound_of(one) == sound_of(other) != ""


def test_other_names_sound_otherwise_and_one_word_tells_nothing() -> None:
    names = ("محمد العربي", "أحمد العربي", "Ahmed Cherif", "Karim Mokhtar", "Pierre Dubois")
    assert len({sound_of(name) for name in names}) == len(names)
    assert sound_of("حسين") == sound_of("Hussein") == sound_of("Inconnu") == ""


def test_names_meet_with_the_same_date_of_birth_alone() -> None:
    def suspect(number: int, name: str, birth: str | None) -> HarmonisedReport:
        person = Person(role=PersonRole.SUSPECT, name=name, birth_date=birth)
        return msgspec.structs.replace(report(number, ""), persons=(person,))

    reports = [
        suspect(1, "يوسف خليل", "1990-05-17"),
        suspect(2, "Youssef Khalil", "1990-05-17"),
        suspect(3, "Yusuf Khaleel", "1991-05-17"),
        suspect(4, "Yusuf Khaleel", None),
    ]
    sketches = {r.report_id: SKETCHER.sketch(r) for r in reports}
    found = near_of(sketches, NearWorld(sketches=sketches, worn=frozenset(), near={}), RULES)
    told = {i.int: [(f.other_id.int, f.kind) for f in each] for i, each in found.items()}
    assert told == {1: [], 2: [(1, NAME)], 3: [], 4: []}


def test_near_pictures_count_by_distance_and_a_picture_that_goes_round_does_not() -> None:
    one, two, three = (UUID(int=n) for n in (1, 2, 3))
    a, b, c = bytes(32), b"\x07" + bytes(31), b"\xff" * 4 + bytes(28)

    def around(*more: UUID) -> dict[bytes, list[Neighbour]]:
        return {
            a: [(one, a, 0), (two, b, 3), *((i, a, 0) for i in more)],
            b: [(one, a, 3), (two, b, 0), (three, c, 29), *((i, a, 3) for i in more)],
            c: [(two, b, 29), (three, c, 0)],
        }

    sketches = {i: Sketch(pictures=(p,)) for i, p in ((one, a), (two, b), (three, c))}
    found = near_of(sketches, NearWorld(sketches=sketches, worn=frozenset(), near=around()), RULES)
    told = {i.int: [(f.other_id.int, f.kind, f.measure) for f in each] for i, each in found.items()}
    assert told == {1: [], 2: [(1, PICTURE, 3)], 3: [(2, PICTURE, 29)]}
    assert joined(found[two])[one][0] > joined(found[three])[two][0]
    many = [UUID(int=100 + n) for n in range(RULES.holders.picture)]
    world = NearWorld(sketches=sketches, worn=frozenset(), near=around(*many))
    assert not any(near_of(sketches, world, RULES).values())


@given(st.text(max_size=300), st.text(max_size=80), st.text(max_size=80))
def test_whatever_is_written_makes_a_sketch(text: str, page: str, street: str) -> None:
    hostile = msgspec.structs.replace(
        report(1, text),
        selectors=(
            Selector(kind=SelectorKind.URL, value=page, role=SelectorRole.CONTENT),
            Selector(
                kind=SelectorKind.URL, value=f"https://a.test/{page}", role=SelectorRole.CONTENT
            ),
        ),
        persons=(Person(role=PersonRole.SUSPECT, name=text, birth_date=street, postcode=page),),
        extra=(Extra(path="report/person/address[1]/address", value=street),),
    )
    assert all(-(2**63) <= key < 2**63 for key in SKETCHER.sketch(hostile).keys)


@pytest.mark.parametrize("mark", ["a", "1", "/", "?", "=", "\u0301", "ا", ".", "_", "x", "._"])
def test_long_runs_of_one_letter_take_no_longer_than_their_length(mark: str) -> None:
    run = mark * 100_000
    started = time.process_time()
    SKETCHER.sketch(report(1, run))
    mirror_of(f"https://a.test/{run}x", RULES.page.path)
    family_of(f"https://a.test/{run}x")
    forms_of(run, set(), "")
    sound_of(run)
    for length in (50, 98, 100_000):
        told = run[:length]
        handles = (Handle(value=f"{told}!", platform="a"), Handle(value=f"a{told}", platform="a"))
        suspect = Person(
            role=PersonRole.SUSPECT,
            birth_date="1980-01-01",
            handles=handles,
            emails=(f"{told}@a.test",),
            phones=(told,),
        )
        spelled_of(msgspec.structs.replace(report(1, ""), persons=(suspect,)), SKETCHER)
    assert time.process_time() - started < 2


def suspect(number: int, **told: object) -> HarmonisedReport:
    """Make a report of one suspect; `handle` and `mail` are one each."""
    handle, mail = told.pop("handle", ""), told.pop("mail", "")
    person = Person(
        role=told.pop("role", PersonRole.SUSPECT),  # type: ignore[arg-type]
        handles=(Handle(value=str(handle), platform="Chatline"),) if handle else (),
        emails=(str(mail),) if mail else (),
        **told,  # type: ignore[arg-type]
    )
    return msgspec.structs.replace(report(number, ""), persons=(person,))


def ways(one: HarmonisedReport, two: HarmonisedReport) -> set[str]:
    spelled = {each.report_id: spelled_of(each, SKETCHER) for each in (one, two)}
    firsts = {
        value: First(i, keys_of(spelling, SKETCHER))
        for i, held in spelled.items()
        for value, spelling in held.items()
    }
    values = Values(firsts, sharing_values(firsts, ()), spelled)
    return {found.kind for found in near_spelled([two.report_id], values, RULES)[two.report_id]}


NAMED = {"name": "Anne Rarenom", "birth_date": "1980-02-03"}


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ({"handle": "darkwolf4471"}, {"handle": "dark_wolf4471.backup"}, {"NEAR_HANDLE"}),
        ({"handle": "darkwolf4471"}, {"handle": "darkwofl4471"}, {"NEAR_HANDLE_LETTER"}),
        ({"handle": "darkwolf4471"}, {"handle": "darkwolf4472"}, set()),
        (
            {"handle": "darkwolf4471"} | NAMED,
            {"handle": "darkwolf4472"} | NAMED,
            {"NEAR_HANDLE_DIGIT"},
        ),
        ({"handle": "marie75"}, {"handle": "marie76"}, set()),
        ({"handle": "marie75"} | NAMED, {"handle": "maria75"} | NAMED, set()),  # short
        ({"handle": "darkstorm_75"}, {"handle": "darkstorm_76"}, set()),
        ({"handle": "darkstorm75"}, {"handle": "darkst0rm75.bak"}, set()),  # a year, a département
        ({"handle": "darkstorm175"}, {"handle": "dark.storm175"}, {"NEAR_HANDLE"}),
        ({"handle": "julie92"}, {"handle": "jullie92"}, set()),  # a plain word
        ({"handle": "unknown"}, {"handle": "unknwon"}, set()),  # a filler
        ({"handle": "jean.roverel"}, {"handle": "jean.rovered"}, set()),  # names of two people
        ({"handle": "rarewordofmine"}, {"handle": "rarewordofmnie"}, {"NEAR_HANDLE_LETTER"}),
        ({"mail": "a.rare77@m.test"}, {"mail": "arare77+x@other.test"}, {"NEAR_EMAIL"}),
        ({"mail": "jean.martin@m.test"}, {"mail": "jean.martin@other.test"}, set()),
        ({"mail": "jean.martin@m.test"}, {"mail": "jeanmartin@m.test"}, {"NEAR_EMAIL"}),
        ({"mail": "rarename77@m.test"}, {"mail": "rarenmae77@m.test"}, {"NEAR_EMAIL_LETTER"}),
        ({"phones": ("+33639980123",)}, {"phones": ("+33639980132",)}, set()),
        (
            {"phones": ("+33639980123",)} | NAMED,
            {"phones": ("+33639980132",)} | NAMED,
            {"NEAR_PHONE"},
        ),
        ({"phones": ("+33639980123",)} | NAMED, {"phones": ("063998012",)} | NAMED, {"NEAR_PHONE"}),
        (
            {"phones": ("+33639980123",)} | NAMED,
            {"phones": ("+33639980124",), "name": "Paul Rarenom", "birth_date": "1981-02-03"},
            set(),
        ),
        ({"phones": ("+33600000000",)} | NAMED, {"phones": ("+3360000000",)} | NAMED, set()),
        (
            {"handle": "darkwolf4471", "role": PersonRole.VICTIM},
            {"handle": "darkwofl4471", "role": PersonRole.SUSPECT},
            set(),
        ),
    ],
)
def test_identifiers_that_vary_and_those_of_other_people(
    one: dict[str, object], two: dict[str, object], expected: set[str]
) -> None:
    assert ways(suspect(1, **one), suspect(2, **two)) == expected
    assert ways(suspect(1, **two), suspect(2, **one)) == expected
