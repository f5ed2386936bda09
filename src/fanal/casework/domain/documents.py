"""Documents of acts, reports, dossiers: a tagged PDF (PDF/UA-1, PDF/A-3a) and a text, of the same parts.

Typst sets the PDF with the fonts that it contains: no system fonts, no network. The same document gives the
same bytes on every machine. Texts come from strangers: they are data of the template, never markup.
"""

import re
import unicodedata
from datetime import datetime
from importlib import resources

import msgspec
import typst
from msgspec import Struct

_HEADING = re.compile(r"([0-9]{1,2})\.\s\S")
# Characters whose glyphs the fonts have, in scripts without combining marks. Typst refuses a PDF/UA file in
# which a glyph is missing, and its shaping of marks and of complex scripts can fail. A test sets each one.
_UNSET = re.compile(
    "[^\n\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482"
    "\u048a-\u04ff\u0531-\u0556\u0559-\u058a\u05d0-\u05ea\u0621-\u063a\u0640-\u064a\u0660-\u066d\u067e\u0686"
    "\u06a9\u06af\u06cc\u06f0-\u06f9\u1e00-\u1eff\u2002-\u200a\u2010-\u2027\u202f-\u2040\u2044-\u2052\u20a0-\u20c0"
    "\u2100-\u211e\u2122\u2126-\u214f\u2153-\u2184\u2190-\u23ff\u2460-\u2604\u27e8\u27e9\ufb00-\ufb06]+"
)


class Part(Struct, frozen=True, kw_only=True):
    """A part of a document: a heading, lines of text, and a table; each may be empty.

    `header` holds the table's column titles, `rows` its rows of cells.
    """

    heading: str = ""
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class DocumentWords(Struct, frozen=True, kw_only=True):
    """Two fixed texts that a PDF adds to the text of its document, in the document's language.

    `unset` explains to the reader how characters without a glyph are written; `attachment` is the description
    of the attached bytes.
    """

    unset: str
    attachment: str


class PrintedDocument(Struct, frozen=True, kw_only=True):
    """A document for reading, printing and sending: an official act, a report or a dossier, in one language.

    `facts` (name, value) identify it: reference, state, SHA-256 of its exact bytes, approval; `parts` are its
    text, `words` the fixed texts of its PDF. `mark` is printed on every page: a draft, which must not be
    used, or a confidential document; it is empty for an act that is ready to be sent. `machine` are the exact
    bytes, attached under the name `attachment`, and `digest` their SHA-256. `at` is the date of the document,
    `lang` its language.
    """

    lang: str
    title: str
    reference: str
    state: str
    mark: str
    digest: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    at: datetime
    machine: bytes
    attachment: str
    words: DocumentWords

    @property
    def text(self) -> str:
        """The document as plain text: the mark of a draft if it has one, then title, facts, parts."""
        colon = "\N{NO-BREAK SPACE}: " if self.lang == "fr" else ": "
        head = [self.mark, self.title, "\n".join(colon.join(fact) for fact in self.facts)]
        return "\n\n".join([*filter(None, head), *map(_plain, self.parts)]) + "\n"


def parts_of(text: str) -> tuple[Part, ...]:
    """Split the text of a letter into parts at its blank lines.

    The first line of a part becomes its heading if it has the next section number (`1. …`, then `2. …`).
    """
    parts: list[Part] = []
    expected = 1
    for piece in text.split("\n\n"):
        lines = tuple(piece.split("\n"))
        numbered = _HEADING.match(lines[0])
        if numbered and int(numbered[1]) == expected:
            expected += 1
            parts.append(Part(heading=lines[0], lines=lines[1:]))
        else:
            parts.append(Part(lines=lines))
    return tuple(parts)


def pdf_of(document: PrintedDocument) -> bytes:
    """Return a document as a tagged PDF, with its exact bytes (`machine`, UTF-8 text) as attachment.

    Raises:
        UnicodeDecodeError: `machine` is not UTF-8.
    """
    template = resources.files("fanal.casework.domain").joinpath("document.typ").read_bytes()
    shown = msgspec.structs.replace(document, machine=b"")
    if not _UNSET.search(unicodedata.normalize("NFC", document.text)):
        shown = msgspec.structs.replace(
            shown, words=msgspec.structs.replace(document.words, unset="")
        )
    return set_pdf(template, shown, at=document.at, attached=document.machine)


def set_pdf(template: bytes, data: object, *, at: datetime, attached: bytes = b"") -> bytes:
    """Return a PDF set with a Typst template, which reads `sys.inputs.data` (JSON) and `sys.inputs.attached`.

    `data` is any JSON-compatible value, `attached` UTF-8 text, `at` the date of the file. Characters without
    a glyph are written as code points (`legible`).

    Raises:
        TypstError: the template is wrong.
        UnicodeDecodeError: `attached` is not UTF-8.
    """
    shown = _legible(msgspec.to_builtins(data))
    pages = typst.Compiler(template, ignore_system_fonts=True).compile(
        format="pdf",
        sys_inputs={
            "data": msgspec.json.encode(shown).decode(),
            "attached": attached.decode(),
        },
        pdf_standards=["a-3a", "ua-1"],
        timestamp=at.replace(microsecond=0),
    )
    if not isinstance(pages, bytes):
        raise TypeError("a PDF is one file")
    return pages


def legible(text: str) -> str:
    """Return a text with the characters that the fonts lack written as code points: `⟨U+65E5 U+672C⟩`.

    Composed forms replace combining marks (NFC); controls of direction become code points too.
    """
    return _UNSET.sub(
        lambda found: f"⟨{' '.join(f'U+{ord(one):04X}' for one in found[0])}⟩",
        unicodedata.normalize("NFC", text),
    )


def _legible(value: object) -> object:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, dict):
        return {key: _legible(one) for key, one in value.items()}
    return [_legible(one) for one in value] if isinstance(value, list | tuple) else value


def _plain(part: Part) -> str:
    rows = (" | ".join(row) for row in (part.header, *part.rows) if row)
    return "\n".join([*filter(None, [part.heading]), *part.lines, *rows])
