"""Documents of acts as PDF: any text of a stranger is set whole, as text, on the page, the same each time."""

import random
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest

from fanal.casework.domain.documents import (
    DocumentWords,
    Part,
    PrintedDocument,
    legible,
    parts_of,
    pdf_of,
)

AT = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)
SET = [
    char
    for char in map(chr, range(0x20, 0x10000))
    if not "\ud800" <= char <= "\udfff" and legible(char) == char
]


def document(*parts: Part, mark: str = "") -> PrintedDocument:
    return PrintedDocument(
        lang="fr",
        title="Acte",
        reference="0193",
        state="Envoyé",
        mark=mark,
        digest="ab" * 32,
        facts=(("Référence", "0193"),),
        parts=parts,
        at=AT,
        machine='{"a":"é"}'.encode(),
        attachment="acte.json",
        words=DocumentWords(unset="Caractères par numéro.", attachment="Octets exacts"),
    )


def printed(pdf: bytes, tmp_path: Path) -> str:
    """The text of a PDF, as poppler reads it, without white space."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    file = tmp_path / "act.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-raw", file, "-"], capture_output=True, text=True, check=True
    )
    return re.sub(r"\s", "", done.stdout)


def test_a_letter_has_headings_where_its_numbers_go_up() -> None:
    parts = parts_of(
        "Office\nn° 1\n\n1. Objet\nA\n\n2. Motifs\nB\n\n1. encore\n\n9. faux\n\n3. Fin"
    )
    assert [part.heading for part in parts] == ["", "1. Objet", "2. Motifs", "", "", "3. Fin"]
    assert parts[0].lines == ("Office", "n° 1")
    assert [line for part in parts for line in part.lines] == [
        "Office", "n° 1", "A", "B", "1. encore", "9. faux",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("日本 x", "⟨U+65E5 U+672C⟩ x"),
        ("\u202egpj.exe", "⟨U+202E⟩gpj.exe"),
        ("😀", "⟨U+1F600⟩"),
        ("e\u0301", "é"),
        ("x\u0302", "x⟨U+0302⟩"),
        ("\0\t\ue000\uffff\u200b\xad", "⟨U+0000 U+0009 U+E000 U+FFFF U+200B U+00AD⟩"),
        ("Ça – l’été, 75\u202f000\u00a0€ ; Ελλάδα Киев العربية עברית", None),
    ],
)
def test_what_has_no_glyph_is_written_as_code_points(text: str, shown: str | None) -> None:
    assert legible(text) == (shown or text)


def test_each_character_that_is_kept_has_a_glyph(tmp_path: Path) -> None:
    """Typst refuses a PDF/UA file in which one is missing."""
    assert len(SET) > 2500
    text = printed(pdf_of(document(Part(lines=(" ".join(SET),)))), tmp_path)
    assert "Caractèresparnuméro" not in text
    for word in ("ÀÁÂ", "Ω", "Ж", "€", "→", "ﬁ"):
        assert all(char in text for char in word if char != "ﬁ")


@pytest.mark.long
def test_any_mixture_is_set(tmp_path: Path) -> None:
    """The library's shaping failed on some mixtures of scripts and marks."""
    seed = random.Random(4)
    for _ in range(20):
        mixed = "".join(
            seed.choice(SET) * seed.choice((1, 1, 2, 40))
            if seed.random() < 0.7
            else chr(seed.choice((seed.randrange(0xD800), seed.randrange(0xE000, 0x30000))))
            for _ in range(400)
        )
        part = Part(
            heading=mixed[:60], lines=(mixed,), header=("a", mixed[:9]), rows=(("b", mixed),)
        )
        assert pdf_of(document(part)).startswith(b"%PDF-")


@pytest.mark.parametrize("word", ["%23a[b]*c*#", "abcdefghij", "ж", "\u00a0a", "⟨", "-", "/", "日"])
@pytest.mark.parametrize("wide", [0, 5])
def test_long_words_stay_on_the_page_and_are_copied_exactly(
    word: str, wide: int, tmp_path: Path
) -> None:
    text = word * (10_000 // len(word))
    rows = {"header": ("§",) * wide, "rows": (("–",) * (wide - 1) + (text,),)} if wide else {}
    pdf = pdf_of(document(Part(lines=() if wide else (text,), **rows)))  # type: ignore[arg-type]
    unbroken = re.sub(r"Acte0193Envoyé|§{5}|SHA-256(ab){32}\d+/\d+", "", printed(pdf, tmp_path))
    assert re.sub(r"\s", "", legible(text)) in unbroken


def test_the_same_document_makes_the_same_bytes_and_another_does_not() -> None:
    assert pdf_of(document(Part(lines=("a",)))) == pdf_of(document(Part(lines=("a",))))
    assert pdf_of(document(Part(lines=("a",)))) != pdf_of(document(Part(lines=("b",))))
    assert b"D:20261124090000" in pdf_of(document())


@pytest.mark.parametrize(
    "text",
    [
        "mot " * 12_500,
        "日" * 50_000,
        " ".join(["a" * 64] * 780),
        "\n".join(f"  {n}. hxxps[:]//pictures[.]example/{'a' * 80}" for n in range(500)),
        "\n" * 20_000,
    ],
    ids=["words", "code points", "digests", "addresses", "lines"],
)
def test_a_long_text_takes_less_than_two_seconds(text: str) -> None:
    rows = tuple((str(n), "mot " * 6, "https://example.test/" + "a" * 60) for n in range(100))
    table = Part(heading="2. Table", header=("n", "b", "c"), rows=rows)
    start = process_time()  # of all threads: other work on the machine does not count
    pdf_of(document(*parts_of(text), table))
    assert process_time() - start < 2


def test_the_text_says_what_the_pdf_says() -> None:
    text = document(
        Part(heading="1. A", lines=("b",), header=("c", "d"), rows=(("e", "f"),)), mark="M"
    ).text
    assert text == "M\n\nActe\n\nRéférence\u00a0: 0193\n\n1. A\nb\nc | d\ne | f\n"
