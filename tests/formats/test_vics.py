"""VICS: the traps of real exports, parts of large cases, hash sets in and out, every known key accounted for."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import fanal.formats.vics as package
from fanal.formats.indicators import Indicator
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics import hashset, read as vics_read
from fanal.formats.vics.hashset import Selection, describe, read_hash_set
from fanal.formats.vics.model import HOLDS, TYPES, instant, photodna, truth
from fanal.formats.vics.read import Kind, cut_parts, read_case, survey
from fanal.formats.vics.write import VERSIONS, OutCase, OutFile, write_case, write_hash_set

SAMPLES = Path(package.__path__[0]) / "samples"
RAW = bytes(range(144))
CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#"


def load(body: bytes, selection: Selection | None = None) -> list[Indicator]:
    context = describe(io.BytesIO(body))
    chosen = selection or Selection()
    return list(read_hash_set(io.BytesIO(body), context=context, selection=chosen))


def hash_set(*media: dict[str, object], context: str = CONTEXT + "Media") -> bytes:
    return json.dumps({"@odata.context": context, "value": media}).encode()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("false", False),
        ("False", False),
        (False, False),
        ("true", True),
        (True, True),
        ("1", True),
        ("", None),
        ("no", None),
        (None, None),
        (1, None),
    ],
)
def test_truth_is_what_is_written_and_false_as_text_is_false(value: object, read: object) -> None:
    assert truth(value) is read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("/Date(1772355600000)/", "2026-03-01T09:00:00Z"),
        ("/Date(1772355600000+0100)/", "2026-03-01T09:00:00Z"),
        ("/Date(-1)/", "1969-12-31T23:59:59.999000Z"),
        ("2026-03-02T08:00:00+05:00Z", "2026-03-02T03:00:00Z"),
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
        ("2026-03-02T08:00:00", "2026-03-02T08:00:00"),
        ("2026-03-02", "2026-03-02"),
        ("/Date(999999999999999)/", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_dates_are_read_in_all_their_ways(text: object, read: str | None) -> None:
    assert instant(text) == read


def test_photodna_is_one_value_however_it_is_written() -> None:
    from base64 import b64encode

    plain = b64encode(RAW).decode()
    assert photodna(RAW.hex()) == photodna(RAW.hex().upper()) == photodna(plain) == plain
    for wrong in ("", "AA==", RAW.hex()[:-2], plain[:-4], "é" * 192, RAW.hex()[:-2] + "  ", 7):
        assert photodna(wrong) is None


def test_a_case_is_read_with_its_byte_order_mark() -> None:
    case = read_case((SAMPLES / "case-2.0.json").read_bytes())
    assert (case.context.kind, case.context.version, case.context.country) == (
        Kind.CASES,
        "2.0",
        "US",
    )
    assert [c.path for c in case.document.complaints if "Segments" not in c.path] == [
        "case/NewKey",
        "case/NewKey/inside",
    ]


@pytest.mark.parametrize(
    ("name", "version", "country"),
    [("hashset-1.2.json", "1.2", "UK"), ("hashset-2.0.json", "2.0", "US")],
)
def test_a_hash_set_says_whose_categories_it_uses(name: str, version: str, country: str) -> None:
    context = describe(io.BytesIO((SAMPLES / name).read_bytes()))
    assert (context.kind, context.version, context.country) == (Kind.MEDIA, version, country)


def test_every_key_of_a_media_is_read_or_ignored_with_a_reason() -> None:
    assert {*hashset.READ, *hashset.IGNORED} == set(TYPES["media"].elements)
    assert not set(hashset.READ) & set(hashset.IGNORED)
    assert all(len(reason) > 10 for reason in hashset.IGNORED.values())


def test_what_is_no_text_is_a_known_key() -> None:
    assert set(HOLDS) <= {m.key for kind in TYPES.values() for m in kind.elements.values()}


def test_only_known_material_is_taken_unless_somebody_says_otherwise() -> None:
    body = (SAMPLES / "hashset-2.0.json").read_bytes()
    chosen = Selection()
    found = load(body, chosen)
    assert [item.classification for item in found] == ["VICS-US:1", "VICS-US:2", "NCMEC:A1"]
    assert set(found[0].values) == {"MD5", "SHA1", "PHOTODNA", "PDQ"}
    assert chosen.left_out == {"VICS-US:0": 1, "VICS-US:5": 1}
    harmless = load(body, Selection(harmless=True))
    assert [item.classification for item in harmless] == ["VICS-US:0", "NCMEC:A1"]
    some = load(body, Selection(categories=frozenset({"5"})))
    assert [item.classification for item in some] == ["VICS-US:5", "NCMEC:A1"]


def test_categories_without_a_known_meaning_are_never_guessed() -> None:
    body = (SAMPLES / "hashset-1.2.json").read_bytes()
    with pytest.raises(FormatRefused) as refused:
        load(body)
    assert refused.value.code is DocumentFault.UNKNOWN_CODE
    assert refused.value.parameters["value"] == "VICS-UK"
    chosen = load(body, Selection(categories=frozenset({"1"})))
    assert [item.classification for item in chosen] == ["VICS-UK:1"]


MD5 = "0" * 32


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (hash_set({"MD5": "zz"}), DocumentFault.WRONG_TYPE),
        (hash_set({"MD5": MD5 + "0"}), DocumentFault.WRONG_TYPE),
        (hash_set({"MD5": 7}), DocumentFault.WRONG_TYPE),
        (hash_set({"MediaID": 1}), DocumentFault.MISSING_FIELD),
        (hash_set({"PhotoDNA": "x"}), DocumentFault.WRONG_TYPE),
        (hash_set({"AlternativeHashes": {}}), DocumentFault.WRONG_TYPE),
        (hash_set({"AlternativeHashes": ["x"]}), DocumentFault.WRONG_TYPE),
        (hash_set({"MD5": MD5, "Tags": "fanal:class=" + "x" * 200}), DocumentFault.TEXT_TOO_LONG),
        (hash_set({"MD5": MD5, "Tags": "a\0b"}), DocumentFault.FORBIDDEN_CHARACTER),
        (hash_set({"MD5": MD5, "Tags": "\ud800"}), DocumentFault.FORBIDDEN_CHARACTER),
        (
            b'{"value":[{"MD5":"%s","MD5":"%s"}]}' % (MD5.encode(), MD5.encode()),
            DocumentFault.DUPLICATE_FIELD,
        ),
        (hash_set(context=CONTEXT + "Cases"), DocumentFault.WRONG_ROOT),
        (hash_set(context=CONTEXT + "Other"), DocumentFault.WRONG_ROOT),
        (b'{"value":[{"CaseID":"1","Media":[]}]}', DocumentFault.WRONG_ROOT),
        (b'{"value":[]}', DocumentFault.MISSING_FIELD),
        (b'{"value":[7]}', DocumentFault.WRONG_TYPE),
        (b"[]", DocumentFault.WRONG_TYPE),
        (b'{"value":[{"MD5":"', DocumentFault.MALFORMED),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_a_hash_set_is_strict_in_its_values(body: bytes, code: DocumentFault) -> None:
    with pytest.raises(FormatRefused) as refused:
        load(body)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("odd", "kind", "place"),
    [
        ({"PhotoDNA": "x"}, "PHOTODNA", "PhotoDNA"),
        ({"PhotoDNA": 7}, "PHOTODNA", "PhotoDNA"),
        ({"SHA1": ["0" * 40]}, "SHA1", "SHA1"),
        ({"SHA1": "\ud800"}, "SHA1", "SHA1"),
        ({"AlternativeHashes": {}}, "AlternativeHashes", "AlternativeHashes"),
        ({"AlternativeHashes": ["x"]}, "AlternativeHashes", "AlternativeHashes[1]"),
        ({"AlternativeHashes": [{"HashName": []}]}, "AlternativeHashes", "AlternativeHashes[1]"),
        ({"AlternativeHashes": [{"HashName": "pdq", "HashValue": "0"}]}, "PDQ", "AlternativeHashes[1]/HashValue"),
    ],
)  # fmt: skip
def test_of_an_entry_with_a_malformed_hash_the_others_are_taken(
    odd: dict[str, object], kind: str, place: str
) -> None:
    chosen = Selection()
    [item] = load(hash_set({"MD5": MD5, **odd}), chosen)
    assert item.values == {"MD5": MD5}
    assert (chosen.hashes.counts, chosen.hashes.places) == (
        {kind: 1},
        {kind: [f"value[1]/{place}"]},
    )
    assert not chosen.entries.counts


def test_entries_that_nobody_can_use_are_left_out_and_told() -> None:
    odd = [
        {"MediaID": 1}, {"MD5": "", "SHA1": None}, {"MD5": "zz"}, 7, {"MD5": MD5, "Tags": "a\0"},
        {"MD5": MD5, "Tags": "fanal:class=" + "x" * 200}, {"MD5": MD5, "Category": []},
        *[{"MediaID": 2}] * 3,
    ]  # fmt: skip
    good = [{"MD5": f"{n:032x}"} for n in range(len(odd))]
    left = {
        DocumentFault.MISSING_FIELD: (5, ["value[1]/MD5", "value[2]/MD5", "value[8]/MD5"]),
        DocumentFault.WRONG_TYPE: (3, ["value[3]/MD5", "value[4]", "value[7]/Category"]),
        DocumentFault.FORBIDDEN_CHARACTER: (1, ["value[5]/Tags"]),
        DocumentFault.TEXT_TOO_LONG: (1, ["value[6]"]),
    }
    chosen = Selection()
    assert [item.values for item in load(hash_set(*odd, *good), chosen)] == good
    assert chosen.entries.counts == {code: count for code, (count, _) in left.items()}
    assert chosen.entries.places == {code: places for code, (_, places) in left.items()}
    # One more, and most of the file is unusable.
    with pytest.raises(FormatRefused) as refused:
        load(hash_set(*odd, *good[1:]))
    assert (refused.value.code, refused.value.path) == (DocumentFault.MISSING_FIELD, "value[1]/MD5")
    assert refused.value.parameters == {"count": len(odd), "of": 2 * len(odd) - 1}


@pytest.mark.parametrize(
    "entry",
    [b'{"MD5":"%s","MD5":"%s"}' % (MD5.encode(), MD5.encode()), b"7", b'{"MediaID":1}'],
)  # fmt: skip
@pytest.mark.parametrize("context", [b'"@odata.context":"%sMedia",' % CONTEXT.encode(), b""])
def test_an_unusable_entry_may_stand_first(entry: bytes, context: bytes) -> None:
    body = b'{%s"value":[%s,{"MD5":"%s"}]}' % (context, entry, MD5.encode())
    assert [item.line for item in load(body)] == [2]
    with pytest.raises(FormatRefused):
        load(b'{%s"value":[%s]}' % (context, entry))


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (b',{"MD5":"', DocumentFault.MALFORMED),
        (b"", DocumentFault.MALFORMED),
        (b',{"MD5":nul}]}', DocumentFault.MALFORMED),
        (b',{"MD5":"\xff"}]}', DocumentFault.BAD_ENCODING),
        (b',{"MD5":' + b"[" * 60 + b"]" * 60 + b"}]}", DocumentFault.TOO_DEEP),
        (b',{"MD5":"%s","Category":1}]}' % MD5.encode(), DocumentFault.UNKNOWN_CODE),
    ],
)
def test_what_is_wrong_with_the_file_refuses_it_whole(end: bytes, code: DocumentFault) -> None:
    country = b"UK" if code is DocumentFault.UNKNOWN_CODE else b"US"
    entries = b",".join(b'{"MD5":"%032X"}' % number for number in range(9))
    context = CONTEXT.encode().replace(b"/US/", b"/%s/" % country)
    with pytest.raises(FormatRefused) as refused:
        load(b'{"@odata.context":"%sMedia","value":[%s%s' % (context, entries, end))
    assert refused.value.code is code


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("country", ["US", "UK", "CUSTOM"])
def test_a_list_that_is_written_is_read_the_same(version: str, country: str) -> None:
    items = load((SAMPLES / "hashset-2.0.json").read_bytes())
    items.append(Indicator(values={"MD5": "1" * 32, "SHA256": "2" * 64}, classification="a, b; c"))
    body = "".join(write_hash_set(items, version=version, country=country)).encode()
    assert body == "".join(write_hash_set(items, version=version, country=country)).encode()
    chosen = Selection(country=country)
    back = load(body, chosen)
    shown = [(i.values, i.classification) for i in items]
    assert [(i.values, i.classification) for i in back] == shown
    assert not chosen.unknown


def test_a_context_may_stand_anywhere_and_only_once() -> None:
    media = {"MD5": MD5, "Category": 1}
    last = json.dumps({"value": [media], "@odata.context": CONTEXT + "Media"}).encode()
    assert [item.classification for item in load(last)] == ["VICS-US:1"]
    twice = b'{"@odata.context":"%sMedia","odata.metadata":7,"@odata.context":"x","value":[]}'
    with pytest.raises(FormatRefused):
        load(twice % CONTEXT.encode())


def test_a_case_is_counted_again_and_cut_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vics_read, "PART_MEDIA", 2)
    body = (SAMPLES / "case-2.0.json").read_bytes()
    found = survey(io.BytesIO(body))
    [case] = found.cases
    assert (case.media, case.precategorized, case.parts) == (3, 1, 2)
    assert [(t.name, t.stated, t.counted) for t in case.totals] == [
        ("TotalMediaFiles", 7, 3),
        ("TotalPrecategorized", 1, 1),
    ]
    cut = list(cut_parts(io.BytesIO(body), found, name="file"))
    assert [p.reference for p in cut] == [case.reference, f"{case.reference}#2"]
    first, second = (json.loads(p.body)["value"][0] for p in cut)
    whole = json.loads(body.removeprefix(b"\xef\xbb\xbf"))["value"][0]
    assert first["Media"] + second["Media"] == whole["Media"]
    assert second["FanalPart"] == {
        "Reference": f"{case.reference}#2",
        "Number": 2,
        "FirstMedia": 3,
        "CountedMedia": 3,
        "CountedPrecategorized": 1,
    }
    for part in (first, second):
        others = {k: v for k, v in part.items() if k not in {"Media", "FanalPart"}}
        assert others == {k: v for k, v in whole.items() if k != "Media"}
    assert [len(list(read_media(p.body))) for p in cut] == [2, 1]


def single(body: bytes) -> list[bytes]:
    """Return a file of one case as OData writes one entity: as `value`, and as the document."""
    document = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    [case] = document.pop("value")
    name, context = next((k, v) for k, v in document.items() if "odata." in k)
    return [
        json.dumps({"value": case, **document}).encode(),
        json.dumps({**document, name: f"{context}/$entity", **case}).encode(),
        json.dumps({**case, **document}).encode(),
        json.dumps(case).encode(),
    ]


@pytest.mark.parametrize("sample", ["case-2.0.json", "case-1.3.json"])
@pytest.mark.parametrize("way", range(4))
def test_a_single_case_stands_in_no_array(
    monkeypatch: pytest.MonkeyPatch, sample: str, way: int
) -> None:
    monkeypatch.setattr(vics_read, "PART_MEDIA", 2)
    listed = (SAMPLES / sample).read_bytes()
    body = single(listed)[way]
    one, many = (survey(io.BytesIO(b)) for b in (body, listed))
    assert [(c.reference, c.media, c.parts, c.totals) for c in one.cases] == [
        (c.reference, c.media, c.parts, c.totals) for c in many.cases
    ]
    cut = [
        [(p.reference, json.loads(p.body)["value"]) for p in cut_parts(io.BytesIO(b), s, name="f")]
        for b, s in ((body, one), (listed, many))
    ]
    assert cut[0] == cut[1]
    root, expected = (read_case(b).document.root for b in (body, listed))
    shown = [[n for n in r.children if n.name != "odata.count"] for r in (root, expected)]
    assert sorted(map(repr, shown[0])) == sorted(map(repr, shown[1]))
    if way < 3:
        assert read_case(body).context == read_case(listed).context == one.context


@pytest.mark.parametrize(
    "body",
    [
        b'{"value":{"CaseID":"1","Media":[]},"Media":[{"MD5":"1"}]}',
        b'{"value":[{"CaseID":"1"}],"Media":[{"MD5":"1"}]}',
        b'{"value":{"CaseID":"1","Media":{}}}',
        b'{"value":{"CaseID":"1","Media":[7]}}',
        b'{"value":{"CaseID":"1","Media":[{"MD5":"1"}]}',
        b'{"value":{"MD5":"%s"}}' % MD5.encode(),
        b'{"value":{}}',
        b'{"value":null,"CaseID":"1"}',
        b'{"value":"CaseID"}',
        b'{"MD5":"%s"}' % MD5.encode(),
        json.dumps({"@odata.context": CONTEXT + "Media/$entity", "MD5": MD5}).encode(),
        json.dumps({"@odata.context": CONTEXT + "Media", "value": {"CaseID": "1"}}).encode(),
        b"{}",
    ],
)
def test_what_is_no_single_case_is_refused(body: bytes) -> None:
    with pytest.raises(FormatRefused):
        survey(io.BytesIO(body))


def test_a_single_case_is_no_hash_set() -> None:
    for body in single((SAMPLES / "case-2.0.json").read_bytes()):
        with pytest.raises(FormatRefused) as refused:
            load(body)
        assert refused.value.parameters["expected"] == "#Media"


def read_media(body: bytes) -> Iterator[object]:
    yield from (n for n in read_case(body).document.root.children if n.name == "Media")


def test_a_case_without_media_may_say_so_with_null() -> None:
    body = b'{"value":[{"CaseID":"1","Media":null,"CaseNumber":null}]}'
    [part] = cut_parts(io.BytesIO(body), survey(io.BytesIO(body)), name="f")
    assert (part.reference, list(read_media(part.body))) == ("1", [])


def test_what_odata_adds_is_no_unknown_key() -> None:
    case = read_case((SAMPLES / "case-1.3.json").read_bytes()).document
    assert case.complaints == ()
    assert "Media(dc409e7349f28ca442f72d781f7169b3)" in repr(case.root)
    chosen = Selection(country="UK", categories=frozenset({"1"}))
    load((SAMPLES / "hashset-1.2.json").read_bytes(), chosen)
    assert not chosen.unknown
    strange = hash_set({"MD5": MD5, "odata.id": "", "Novelty": 1})
    load(strange, chosen)
    assert chosen.unknown == {"Novelty": 1}


def test_cases_without_an_id_are_told_apart_by_their_place() -> None:
    body = json.dumps({"value": [{"CaseNumber": " "}, {"Media": []}]}).encode()
    found = survey(io.BytesIO(body))
    assert [p.reference for p in cut_parts(io.BytesIO(body), found, name="f")] == ["f/1", "f/2"]


@pytest.mark.parametrize(
    "body",
    [
        hash_set({"MD5": MD5}),
        b'{"value":[{"CaseID":"1","Media":[null]}]}',
        b'{"value":[{"CaseID":"1","Media":{}}]}',
        b'{"value":[{"CaseID":"1","Media":[{"MD5":"1","MD5":"2"}]}]}',
        b'{"value":[{"CaseID":"\\u0000"}]}',
        b'{"value":[{"CaseID":"1"}]',
    ],
)
def test_what_is_no_case_file_is_refused_whole(body: bytes) -> None:
    with pytest.raises(FormatRefused):
        survey(io.BytesIO(body))


_LONE = "Officer \\ud800"


@pytest.mark.parametrize(
    "body",
    [
        f'{{"value":[{{"CaseID":"1"}},{{"CaseID":"2","ContactName":"{_LONE}","Media":[]}}]}}',
        f'{{"value":[{{"CaseID":"1","Unknown":{{"a":["{_LONE}"]}}}}]}}',
        f'{{"value":[{{"CaseID":"1","{_LONE}":"x"}}]}}',
        f'{{"CaseID":"1","ContactName":"{_LONE}"}}',
        f'{{"value":{{"CaseID":"1","ContactName":"{_LONE}"}}}}',
        f'{{"note":"{_LONE}","value":[{{"CaseID":"1"}}]}}',
    ],
)
def test_a_case_with_half_a_character_is_refused_before_its_first_part(body: str) -> None:
    """It ended the import of the whole folder, without the name of the file."""
    with pytest.raises(FormatRefused):
        survey(io.BytesIO(body.encode()))


def test_a_case_that_is_written_holds_what_it_brought() -> None:
    file = OutFile(name="a.jpg", hashes={"MD5": MD5, "PDQ": "f" * 64}, classification="VICS-US:1")
    kept = [
        ("case/Media[1]/Segments[1]/Start", "0"),
        ("case/CaseID", "X"),
        ("case/Media[1]/IsSuspected", "false"),
        ("case/Contact/Name", "no"),
    ]
    body = write_case(OutCase(reference="r", files=[file], kept=kept), version="2.0", country="US")
    [case] = json.loads(body)["value"]
    [media] = case["Media"]
    assert (case["CaseID"], case["TotalMediaFiles"], media["IsSuspected"]) == ("X", 1, False)
    assert (media["Category"], media["MediaFiles"][0]["FileName"]) == (1, "a.jpg")
    assert media["AlternativeHashes"] == [{"HashName": "PDQ", "HashValue": "F" * 64}]
    assert media["Segments"] == [{"Start": "0"}]
    assert "Contact" not in case


class Endless(io.RawIOBase):
    """A hash set of many entries, made as it is read."""

    def __init__(self, count: int) -> None:
        self._parts = self._made(count)
        self._left = b""

    @staticmethod
    def _made(count: int) -> Iterator[bytes]:
        yield b'{"@odata.context":"%sMedia","value":[' % CONTEXT.encode()
        for number in range(count):
            entry = b'{"MediaID":%d,"Category":null,"MD5":"%032X","Comments":"%s"}'
            yield (b"," if number else b"") + entry % (number, number, b"n" * 300)
        yield b"]}"

    def read(self, size: int = -1, /) -> bytes:
        made = [self._left]
        held = len(self._left)
        while held < size:
            part = next(self._parts, b"")
            if not part:
                break
            made.append(part)
            held += len(part)
        whole = b"".join(made)
        self._left = whole[size:]
        return whole[:size]


def test_a_large_hash_set_passes_in_the_memory_of_one_entry() -> None:
    tracemalloc.start()
    try:
        stream = cast("io.BufferedReader", Endless(6_000))
        context = describe(io.BytesIO(hash_set({"MD5": MD5}, context=CONTEXT + "Media")))
        items = read_hash_set(stream, context=context, selection=Selection())
        count = sum(1 for _ in items)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 6_000
    assert peak < 1_500_000
