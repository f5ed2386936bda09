"""Reference page of refusal and failure codes: the message of each, and the modules that contain it."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs_tables import cell, code, page, table

import fanal

_SOURCE = Path(fanal.__file__).parent
_OF_ACTS = re.compile(
    r"(?:measure|notice|blocking|mirror|dereferencing|appeal|referral|sheet|emergency_call)_refusal"
)
_OF_DESKS = re.compile(
    r"(?:account|annotation|desk|duty|habilitation|instruction|mail_test|public|reset)_refusal"
)
_REFUSALS = re.compile(rf"(?!{_OF_ACTS.pattern}|{_OF_DESKS.pattern})\w+_refusal")
_FAILURES = re.compile(r"api|cli|errno|quarantine|list_unread|unhashed|\w+_failure")
_QUOTED = re.compile(r"""["']([A-Z][A-Z0-9_]+)["']""")


def refusals() -> str:
    """Return the page of the codes with which a person's act is refused, in Markdown."""
    return _page(
        "Refusals", _REFUSALS, "An act that breaks a rule is refused with a code and parameters."
    )


def refusals_of_acts() -> str:
    """Return the page of the codes with which a step of an official act is refused, in Markdown."""
    return _page(
        "Refusals of official acts", _OF_ACTS, "What a measure, a notice or a referral may not be."
    )


def refusals_of_desks() -> str:
    """Return the page of the codes with which the administration of desks is refused, in Markdown."""
    return _page(
        "Refusals of administration",
        _OF_DESKS,
        "What accounts, habilitations, desks, rosters and public pages may not be.",
    )


def failures() -> str:
    """Return the page of the codes with which a document, a command or a report fails, in Markdown."""
    return _page("Failures", _FAILURES, "What cannot be read, done or reached is told by a code.")


def _page(title: str, kinds: re.Pattern[str], what: str) -> str:
    places = _places()
    return page(
        title,
        "`src/fanal/reference/data/labels/`",
        f"{what} These are its words; a code that stands in several modules names all of them.",
        *(
            f"## {kind.replace('_', ' ').capitalize()}\n\nLabels `{kind}`, package `{package}`.\n\n"
            + table(("Code", "English", "French", "Modules"), _rows(codes, places))
            for package, kind, codes in _labels(kinds)
        ),
    )


def _labels(kinds: re.Pattern[str]) -> Iterator[tuple[str, str, Mapping[str, Mapping[str, str]]]]:
    for path in sorted((_SOURCE / "reference/data/labels").glob("*.toml")):
        said = tomllib.loads(path.read_text())
        for kind, codes in said["labels"].items():
            if kinds.fullmatch(kind):
                yield said["package"], kind, codes


def _rows(
    codes: Mapping[str, Mapping[str, str]], places: Mapping[str, set[str]]
) -> Iterator[tuple[str, str, str, str]]:
    for name, words in codes.items():
        where = ", ".join(map(code, sorted(places.get(name, ()))))
        yield code(name), cell(words["en"]), cell(words["fr"]), where or "–"


def _places() -> Mapping[str, set[str]]:
    """Return, by code, the modules whose source contains it as a string."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in _SOURCE.rglob("*.py"):
        for name in _QUOTED.findall(path.read_text()):
            found[name].add(str(path.relative_to(_SOURCE)))
    return found
