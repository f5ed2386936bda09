"""Every string of every page has its French, with the same parameters and the French typography."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from fanal import web

_WEB = Path(web.__file__).parent
_KEYWORDS: dict[str, object] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "pgettext": ((1, "c"), 2),
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "npgettext": ((1, "c"), 2, 3),
}
_PARAMETER = re.compile(r"%\(\w+\)[sd]|%[sd]")
_PLAIN_SPACE = re.compile(r" [;:!?»%](?:\s|$)|« ")
_MARKUP = re.compile(r"<[^>]*>")


def _sources() -> Iterator[tuple[Path, bytes]]:
    for path in sorted(_WEB.rglob("*")):
        if path.suffix == ".py":
            yield path, path.read_bytes()
        elif path.suffix in {".html", ".txt"} and "static" not in path.parts:
            yield path, templatize(path.read_text()).encode()


def _used() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path, source in _sources():
        for _line, message, _comments, _context in extract(
            "python",
            io.BytesIO(source),
            keywords=_KEYWORDS,  # type: ignore[arg-type]
        ):
            text = message if isinstance(message, str) else message[0]
            found.setdefault(text, path.relative_to(_WEB))
    return found


def _catalogues() -> list[tuple[Path, dict[str, tuple[str, ...]]]]:
    read = []
    for path in sorted(_WEB.glob("**/locale/fr/LC_MESSAGES/django.po")):
        with path.open("rb") as file:
            catalogue = read_po(file, locale="fr", abort_invalid=True)
        texts = {}
        for message in catalogue:
            if message.id and not message.fuzzy:
                key = message.id if isinstance(message.id, str) else message.id[0]
                value = message.string
                texts[key] = (value,) if isinstance(value, str) else tuple(value)
        read.append((path, texts))
    return read


def test_every_string_has_its_french() -> None:
    known = {key for _path, texts in _catalogues() for key, values in texts.items() if all(values)}
    missing = {text: str(path) for text, path in _used().items() if text and text not in known}
    assert missing == {}


@pytest.mark.parametrize(
    ("path", "texts"), _catalogues(), ids=lambda value: getattr(value, "parts", ("",) * 7)[-5]
)
def test_french_keeps_parameters_and_typography(
    path: Path, texts: dict[str, tuple[str, ...]]
) -> None:
    for key, values in texts.items():
        for value in values:
            assert set(_PARAMETER.findall(value)) <= set(_PARAMETER.findall(key)) | {"%(count)s"}, (
                key
            )
            assert not _PLAIN_SPACE.search(_MARKUP.sub("", value)), f"{path.parts[-5]}: {value}"
