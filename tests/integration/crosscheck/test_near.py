"""Near texts, pages and pictures become suggestions after linking, in any order; they go with their reports."""

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import connection

from fanal.crosscheck.domain.records import unpack_reasons
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.crosscheck.links.domain.reasons import because_of
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.erasure import erase
from fanal.crosscheck.operations.judge import judge_suggestion
from fanal.crosscheck.operations.rebuild import rebuild
from fanal.crosscheck.similar.domain.rules import load_near_rules
from fanal.crosscheck.similar.domain.suggestions import SuggestionState as State
from fanal.crosscheck.similar.operations.near import renew_near
from fanal.crosscheck.similar.queries import list_suggestions, suggestions_of
from fanal.harmonise.domain.records import Source
from fanal.harmonise.operations.batch import harmonise_batch
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.vault import keyring
from fanal.worker.loop import NEAR_AGAIN, TEXTS_AGAIN, WorkerLoop
from tests.actors import desk_actor

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
SYSTEM = system_actor("test")
ANALYST = desk_actor(
    person_id=uuid.uuid4(),
    roles={Role.ANALYST},
    desks={1},
    motive="test",
)
ROUND = load_near_rules().holders.passage + 6
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Body = Mapping[str, object]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The ledger signs."""


def words(luck: random.Random, count: int) -> list[str]:
    return ["".join(luck.choices(LETTERS, k=luck.randint(3, 9))) for _ in range(count)]


def changed(luck: random.Random, text: Sequence[str]) -> str:
    other = list(text)
    for place in luck.sample(range(len(text)), 3):
        other[place] = words(luck, 1)[0]
    return " ".join(other)


def flipped(luck: random.Random, picture: bytes, bits: int) -> str:
    value = int.from_bytes(picture, "big")
    for bit in luck.sample(range(256), bits):
        value ^= 1 << bit
    return value.to_bytes(32, "big").hex()


def deposit(bodies: Iterable[tuple[uuid.UUID, Body]]) -> None:
    sources = [
        Source(
            report_id=i,
            desk_id=1,
            format="report/1",
            body=msgspec.json.encode({"reference": i.hex, "kind": "OTHER", **body}),
        )
        for i, body in bodies
    ]
    reports, failures = harmonise_batch(actor=SYSTEM, sources=sources, now=NOW)
    assert failures == []
    crosscheck_batch(actor=SYSTEM, reports=reports, now=NOW)


def look(most: int = 100) -> int:
    looked = 0
    while count := renew_near(actor=SYSTEM, now=NOW, most=most):
        looked += count
    return looked


def arrive(*bodies: Body) -> list[uuid.UUID]:
    ids = [new_id(NOW + timedelta(seconds=n)) for n in range(len(bodies))]
    deposit(zip(ids, bodies, strict=True))
    assert look() == len(ids)
    return ids


def stand() -> dict[tuple[uuid.UUID, uuid.UUID], tuple[float, frozenset[tuple[str, str, int]]]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id, other_id, score, reasons FROM crosscheck_near")
        return {
            (one, two): (
                round(score, 4),
                frozenset((r.kind, r.value, r.measure) for r in unpack_reasons(content)),
            )
            for one, two, score, content in cursor.fetchall()
        }


def told(ids: Sequence[uuid.UUID]) -> list[tuple[int, int, list[str]]]:
    return [
        (ids.index(s.report_id), ids.index(s.other_id), [because_of(r) for r in s.reasons])
        for s in list_suggestions(actor=ANALYST)
    ]


def test_texts_pages_and_pictures_are_suggested_with_their_reasons() -> None:
    luck = random.Random(1)
    text, picture = words(luck, 60), luck.randbytes(32)
    ids = arrive(
        {"description": " ".join(text)},
        {"conversation": [{"text": changed(luck, text)}]},
        {"urls": ["https://one.test/gallery/8842/view"]},
        {"urls": ["https://two.test/gallery/8842/view"]},
        {"urls": ["https://two.test/gallery/8842/more"]},
        {"files": [{"pdq": picture.hex()}]},
        {"files": [{"pdq": flipped(luck, picture, 12)}]},
        {"files": [{"pdq": flipped(luck, picture, 40)}]},
        {"description": "A sentence that says little."},
    )
    assert sorted(told(ids)) == [
        (1, 0, ["NEAR_TEXT"]),
        (3, 2, ["NEAR_MIRROR"]),
        (4, 3, ["NEAR_FAMILY"]),
        (6, 5, ["NEAR_PICTURE"]),
    ]
    (one,) = suggestions_of(actor=ANALYST, report_id=ids[5])
    assert [(r.value, r.measure) for r in one.reasons] == [(flipped_of(ids[6]), 12)]


def test_a_sentence_that_names_an_account_and_one_line_are_suggested_in_any_order() -> None:
    account = {"role": "SUSPECT", "handles": [{"value": "fox_77", "platform": "Blue Lamp"}]}
    six = {"value": "2001:db8:1:2::7", "at": "2026-11-20T10:00:00Z"}
    ids = arrive(
        {"description": "He calls himself Fox_77, that is on bluelamp."},
        {"persons": [account]},
        {"persons": [account]},
        {"description": "fox_77 é o nome dele no Blue Lamp"},
        {"persons": [{"role": "SUSPECT", "ips": [six], "phones": ["+33 6 39 98 01 01"]}]},
        {
            "persons": [
                {
                    "role": "SUSPECT",
                    "ips": [six | {"value": "2001:db8:1:2::9"}],
                    "phones": ["+33 6 39 98 02 02"],
                }
            ]
        },
    )
    assert sorted(told(ids)) == [
        (1, 0, ["NEAR_HANDLE_MENTION"]),
        (3, 1, ["NEAR_HANDLE_MENTION"]),
        (5, 4, ["NEAR_LINE"]),
    ]
    (one,) = suggestions_of(actor=ANALYST, report_id=ids[3])
    assert [r.between for r in one.reasons] == [("fox_77", "fox_77@bluelamp")]
    before = stand()
    rebuild(actor=SYSTEM, now=NOW)
    look()
    assert stand() == before


def flipped_of(report_id: uuid.UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pictures FROM crosscheck_sketch WHERE report_id = %s", [report_id])
        return bytes(cursor.fetchone()[0]).hex()


def world(luck: random.Random) -> list[Body]:
    """Make texts and pictures that come back a few times, and others that go round."""
    bodies: list[Body] = []
    boilerplate = words(luck, 40)
    viral, viral_page = luck.randbytes(32), "https://way.test/much/seen/"
    for _ in range(12):
        text, picture, folder = words(luck, 50), luck.randbytes(32), words(luck, 1)[0]
        own = luck.randint(3000, 9000)
        bodies += [
            {
                "description": changed(luck, text),
                "files": [{"pdq": flipped(luck, picture, luck.randint(0, 10))}],
                "urls": [
                    f"https://h{luck.randint(1, 3)}.test/g/{folder}/{own + luck.randint(1, 3)}"
                ],
            }
            for _ in range(luck.randint(1, 5))
        ]
    bodies += [
        {
            "description": " ".join([*boilerplate, *words(luck, 2)]),
            "files": [{"pdq": flipped(luck, viral, luck.randint(0, 3))}],
            "urls": [f"{viral_page}{n}"],
        }
        for n in range(ROUND)
    ]
    return bodies


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_and_a_rebuild_give_the_same_and_what_goes_round_gives_nothing(seed: int) -> None:
    luck = random.Random(seed)
    bodies = world(luck)
    ids = [new_id(NOW + timedelta(seconds=n)) for n in range(len(bodies))]
    deposit(zip(ids, bodies, strict=True))
    look()
    stood = stand()
    round_from = len(bodies) - ROUND
    kinds = {kind for _, reasons in stood.values() for kind, _, _ in reasons}
    assert kinds == {"NEAR_TEXT", "NEAR_PICTURE", "NEAR_MIRROR", "NEAR_FAMILY"}
    assert not any(ids.index(one) >= round_from for one, _ in stood)
    rebuild(actor=SYSTEM, now=NOW)
    assert stand() == {}
    look(most=7)
    assert stand() == stood
    emptied()
    arrive_shuffled(luck, ids, bodies)
    assert stand() == stood


def emptied() -> None:
    with connection.cursor() as cursor:
        for table in (
            *("near", "sketch", "spelling", "worn", "waiting", "link", "kin", "card", "value"),
            *("membership", "dossier"),
        ):
            cursor.execute(f"DELETE FROM crosscheck_{table}")
        cursor.execute("DELETE FROM harmonise_sighting")


def arrive_shuffled(luck: random.Random, ids: Sequence[uuid.UUID], bodies: Sequence[Body]) -> None:
    order = list(zip(ids, bodies, strict=True))
    luck.shuffle(order)
    while order:
        size = luck.choice((1, 3, 20))
        part, order = order[:size], order[size:]
        deposit(part)
        look(most=luck.choice((1, 5, 50)))


def test_a_rejected_pair_comes_back_with_something_near_that_is_new() -> None:
    luck = random.Random(3)
    text, picture = words(luck, 60), luck.randbytes(32)
    bodies: list[dict[str, object]] = [
        {"description": " ".join(text)},
        {"description": changed(luck, text)},
    ]
    ids = arrive(*bodies)
    judge_suggestion(
        actor=ANALYST, report_id=ids[1], other_id=ids[0], accept=False, reason="x", now=NOW
    )
    rebuild(actor=SYSTEM, now=NOW)
    look()
    (one,) = suggestions_of(actor=ANALYST, report_id=ids[0])
    assert one.state is State.REJECTED
    for body, bits in zip(bodies, (0, 9), strict=True):
        body["files"] = [{"pdq": flipped(luck, picture, bits)}]
    deposit(zip(ids, bodies, strict=True))
    look()
    (back,) = list_suggestions(actor=ANALYST)
    assert back.state is State.REOPENED
    assert [because_of(r) for r in back.fresh] == ["NEAR_PICTURE"]


def test_accepting_joins_and_pairs_of_one_dossier_are_asked_no_more() -> None:
    text = words(random.Random(4), 60)
    suspect = {"role": "SUSPECT", "emails": ["rare@mail.test"]}
    ids = arrive(
        {"description": " ".join(text)},
        {"description": " ".join(text), "persons": [suspect]},
        {"description": " ".join(text), "persons": [suspect]},
    )
    # The last two are in one dossier already: their texts ask nothing.
    assert sorted(told(ids)) == [(1, 0, ["NEAR_TEXT"]), (2, 0, ["NEAR_TEXT"])]
    judge_suggestion(
        actor=ANALYST, report_id=ids[1], other_id=ids[0], accept=True, reason="x", now=NOW
    )
    assert told(ids) == []
    assert dossier_of(actor=SYSTEM, report_id=ids[0]) is not None


def test_a_text_that_people_rejected_twice_is_suggested_no_more() -> None:
    text = words(random.Random(7), 40)
    ids = arrive(*({"description": " ".join([*text, "un" * n])} for n in range(4)))
    assert len(stand()) == 6
    for one, other in ((1, 0), (3, 2)):
        judge_suggestion(
            actor=ANALYST,
            report_id=ids[one],
            other_id=ids[other],
            accept=False,
            reason="x",
            now=NOW,
        )
        assert look() == 2
    assert stand() == {}
    assert told(arrive({"description": " ".join(text)})) == []


def test_the_worker_looks_while_nothing_waits_and_an_error_stops_no_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = " ".join(words(random.Random(8), 60))
    deposit((new_id(NOW + timedelta(seconds=n)), {"description": text}) for n in range(2))
    now = [NOW]
    loop = WorkerLoop(clock=lambda: now[0], sleep=lambda _: None)
    with monkeypatch.context() as unwired:  # as in a process that wiring gave no key
        unwired.setattr(keyring, "_installed", [])
        assert loop._look_around() == 0
    assert loop._look_around() == 0  # not at once: whatever it was, it may last
    now[0] += NEAR_AGAIN
    assert loop._look_around() == 2
    assert loop._look_around() == 0
    assert len(stand()) == 1


def test_a_text_that_cannot_be_read_delays_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    deposit([(new_id(NOW), {"description": " ".join(words(random.Random(8), 60))})])
    asked: list[object] = []

    def fails(**given: object) -> int:
        asked.append(given)
        raise RuntimeError

    monkeypatch.setattr("fanal.pipeline.read_later", fails)
    now = [NOW]
    loop = WorkerLoop(clock=lambda: now[0], sleep=lambda _: None)
    assert [loop._read_text(), loop._read_text(), len(asked)] == [0, 0, 1]
    assert loop._look_around() == 1
    now[0] += TEXTS_AGAIN
    assert [loop._read_text(), len(asked)] == [0, 2]


def test_nothing_stays_of_an_erased_report() -> None:
    text = words(random.Random(5), 60)
    ids = arrive(*({"description": " ".join([*text, "un" * n])} for n in range(5)))
    beside = {other for one, other in stand() if one == ids[4]}
    assert len(beside) == 3
    erase(actor=SYSTEM, report_ids=list(beside))
    assert not any(beside & set(pair) for pair in stand())
    with connection.cursor() as cursor:
        cursor.execute("SELECT report_id FROM crosscheck_sketch")
        assert {row[0] for row in cursor.fetchall()} == set(ids) - beside
    look()  # who was beside them has room for another
    assert {other for one, other in stand() if one == ids[4]} == set(ids[:4]) - beside


def test_across_desks_a_near_report_is_neither_shown_nor_asked() -> None:
    text = " ".join(words(random.Random(6), 60))
    ids = arrive({"description": text}, {"description": text})
    stranger = desk_actor(person_id=uuid.uuid4(), roles=ANALYST.roles, desks={2}, motive="test")
    assert list_suggestions(actor=stranger) == []
    assert suggestions_of(actor=stranger, report_id=ids[0]) == []


def of_suspect(name: str, *, mails: Sequence[str] = (), **more: object) -> Body:
    handles = [{"platform": "Chatline", "value": name}] if name else []
    return {"persons": [{"role": "SUSPECT", "handles": handles, "emails": list(mails), **more}]}


def test_identifiers_with_a_mistake_or_a_tail_are_suggested_once_for_all_who_hold_them() -> None:
    ids = arrive(
        of_suspect("darkwolf4471"),
        *(of_suspect("darkwolf4471") for _ in range(30)),  # more than any bound of reports
        of_suspect("darkwofl4471"),
        of_suspect("", mails=["rare.name8812@mail.test"]),
        of_suspect("", mails=["rarename8812+x@poste.test"]),
        of_suspect("", phones=["+33639980123"], birth_date="1980-02-03"),
        of_suspect("", phones=["+33639980132"], birth_date="1980-02-03"),
        of_suspect("", phones=["+33639980124"], birth_date="1990-02-03"),  # the next of its block
        of_suspect("darkwolf4472"),  # of a family: another person
    )
    assert sorted(told(ids)) == [
        (31, 0, ["NEAR_HANDLE_LETTER"]),
        (33, 32, ["NEAR_EMAIL"]),
        (35, 34, ["NEAR_PHONE"]),
    ]


def test_no_identifier_can_be_read_in_what_is_kept_of_its_variations() -> None:
    arrive(of_suspect("rarewolf4471"), of_suspect("rarewolf4471_2"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT value, keys FROM crosscheck_spelling")
        assert len(cursor.fetchall()) == 4  # each for variations, and for sentences that name it
        cursor.execute(
            "SELECT s::text FROM crosscheck_spelling s UNION SELECT n::text FROM crosscheck_near n"
        )
        stored = "".join(row for (row,) in cursor.fetchall())
        cursor.execute("SELECT reasons FROM crosscheck_near")
        octets = b"".join(bytes(row) for (row,) in cursor.fetchall())
    assert b"rarewolf".hex() not in stored
    assert "rarewolf" not in stored
    assert b"rarewolf" not in octets


def families(luck: random.Random) -> list[Body]:
    """Make handles, mailboxes and numbers of some hands with mistakes, and more of one family than the cap."""
    bodies: list[Body] = []
    for n in range(10):
        stem = "".join(luck.choices(LETTERS, k=10))
        for _ in range(luck.randint(1, 6)):
            cut = luck.randint(1, 7)
            varied = luck.choice(
                (stem, stem[:cut] + stem[cut + 1 :], f"{stem}_2", f"{stem}.backup")
            )
            mail = (
                f"{luck.choice((stem, stem[:cut] + 'z' + stem[cut:]))}77@m{luck.randint(1, 2)}.test"
            )
            bodies.append(
                of_suspect(
                    luck.choice((varied, "")),
                    mails=luck.choice(([mail], [])),
                    phones=luck.choice(([f"+3363998{n}{luck.choice(('123', '132', '124'))}"], [])),
                    birth_date=f"19{60 + n}-01-05",
                )
            )
    most = load_near_rules().holders.spelling
    bodies += [of_suspect(f"manysharethis{c}") for c in LETTERS[: most + 3]]
    luck.shuffle(bodies)
    return bodies


@pytest.mark.parametrize("seed", [1, 2])
def test_variations_follow_from_the_set_whatever_order_rebuild_or_erasure(seed: int) -> None:
    luck = random.Random(seed)
    bodies = families(luck)
    ids = [new_id(NOW + timedelta(seconds=n)) for n in range(len(bodies))]
    deposit(zip(ids, bodies, strict=True))
    look()
    stood = stand()
    kinds = {kind for _, reasons in stood.values() for kind, _, _ in reasons}
    assert kinds >= {"NEAR_HANDLE", "NEAR_HANDLE_LETTER", "NEAR_EMAIL", "NEAR_PHONE"}
    family = {i for i, body in zip(ids, bodies, strict=True) if "manysharethis" in str(body)}
    assert not any(one in family for one, _ in stood)
    rebuild(actor=SYSTEM, now=NOW)
    look(most=7)
    assert stand() == stood
    emptied()
    arrive_shuffled(luck, ids, bodies)
    assert stand() == stood
    gone = luck.sample([i for i in ids if i not in family], 12)
    # Without some of the reports, what stands is what would stand had they never come.
    erase(actor=SYSTEM, report_ids=gone)
    look()
    left = stand()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM crosscheck_spelling WHERE report_id = ANY (%s)", [gone]
        )
        assert cursor.fetchone() == (0,)
    emptied()
    deposit((i, body) for i, body in zip(ids, bodies, strict=True) if i not in gone)
    look()
    assert stand() == left != stood


def test_a_rejected_variation_stays_away_until_there_is_another_one() -> None:
    bodies = [of_suspect("darkwolf4471"), of_suspect("darkwofl4471")]
    ids = arrive(*bodies)
    judge_suggestion(
        actor=ANALYST, report_id=ids[1], other_id=ids[0], accept=False, reason="x", now=NOW
    )
    rebuild(actor=SYSTEM, now=NOW)
    look()
    assert told(ids) == []
    deposit([(ids[1], of_suspect("darkwofl4471", mails=["rarename8812@mail.test"]))])
    deposit([(ids[0], of_suspect("darkwolf4471", mails=["rarenmae8812@mail.test"]))])
    look()
    (back,) = list_suggestions(actor=ANALYST)
    assert back.state is State.REOPENED
    assert [because_of(r) for r in back.fresh] == ["NEAR_EMAIL_LETTER"]
