"""Rendering of the users' guides of `docs/how-to` to the HTML that the desk's pages of help show.

`prepare_web.py` calls it at set-up; the result, `web/guides/rendered.json`, is never committed. A guide is in
both languages, or it is not one of a user. Section ids are those of the English headings in both languages,
so that a page leads to the same section in either. HTML in a guide is shown as text. A link to anything
else than a guide is shown without its address: an installation serves the guides alone.
"""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from posixpath import basename
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "docs/how-to"
TARGET = ROOT / "src/fanal/web/guides/rendered.json"
_LANGUAGES = {"en": SOURCES, "fr": SOURCES / "fr"}
_EXTENSIONS = ("tables", "fenced_code", "toc")
_AFTER_ALL = -1
"""Priority of our treatment of the tree: after that of the headings' ids."""

Headings = Sequence[tuple[str, str]]
"""Id and words of each heading below the title, in order."""


class _ForTheDesk(Treeprocessor):
    """Give a guide's tree the ids, links and classes of a page of the desk."""

    def __init__(
        self, md: Markdown, *, ids: Mapping[str, Mapping[str, str]], guide: str, title: str
    ) -> None:
        super().__init__(md)
        self.ids = ids
        self.guide = guide
        self.title = title

    def run(self, root: Element) -> None:
        """Leave out the title and the link to the other language, then treat each element."""
        del root[:2]
        for element in root.iter():
            if element.tag in {"h2", "h3"}:
                element.set("id", self.ids[self.guide][element.get("id", "")])
            elif element.tag == "a":
                self._link(element)
        words = self.title
        for place, element in enumerate(list(root)):
            if element.tag in {"h2", "h3"}:
                words = "".join(element.itertext())
            elif element.tag == "table":
                root[place] = _framed(element, words)

    def _link(self, element: Element) -> None:
        path, _, section = element.get("href", "").partition("#")
        guide = basename(path).removesuffix(".md") if path else self.guide
        if guide not in self.ids:
            element.tag, element.attrib = "cite", {}
            return
        anchor = f"#{self.ids[guide][section]}" if section else ""
        element.set("href", f"../{guide}/{anchor}" if path else anchor)


def _framed(table: Element, words: str) -> Element:
    frame = Element(
        "div", {"class": "fd-table-wrap", "role": "region", "aria-label": words, "tabindex": "0"}
    )
    table.set("class", "fd-table")
    frame.append(table)
    return frame


def _converter() -> Markdown:
    md = Markdown(extensions=_EXTENSIONS)
    md.preprocessors.deregister("html_block")
    md.inlinePatterns.deregister("html")
    return md


def headings(text: str) -> tuple[str, Headings]:
    """Return the title of a guide and its headings below it.

    Raises:
        ValueError: the guide does not begin with its one title.
    """
    md = _converter()
    md.convert(text)
    tokens = md.toc_tokens  # type: ignore[attr-defined]
    if len(tokens) != 1 or tokens[0]["level"] != 1:
        raise ValueError("a guide has one title")

    def below(token: Mapping[str, object]) -> list[tuple[str, str]]:
        found = []
        for child in token["children"]:  # type: ignore[attr-defined]
            found += [(child["id"], html.unescape(child["name"])), *below(child)]
        return found

    return html.unescape(tokens[0]["name"]), below(tokens[0])


def render(texts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, dict[str, object]]]:
    """Return for each language and guide its title, sections (id, words) and HTML; `texts`: the sources.

    Raises:
        ValueError: a guide has other sections in French than in English.
    """
    english = {guide: [i for i, _ in headings(text)[1]] for guide, text in texts["en"].items()}
    rendered: dict[str, dict[str, dict[str, object]]] = {}
    for language, guides in texts.items():
        found = {guide: headings(text) for guide, text in guides.items()}
        ids = {
            guide: dict(zip([i for i, _ in below], english[guide], strict=True))
            for guide, (_, below) in found.items()
        }
        rendered[language] = {}
        for guide, (title, below) in found.items():
            md = _converter()
            md.treeprocessors.register(
                _ForTheDesk(md, ids=ids, guide=guide, title=title), "for-the-desk", _AFTER_ALL
            )
            rendered[language][guide] = {
                "title": title,
                "sections": [[ids[guide][own], words] for own, words in below],
                "html": md.convert(guides[guide]),
            }
    return rendered


def main() -> None:
    """Render every guide that is in both languages."""
    names = sorted(path.stem for path in _LANGUAGES["fr"].glob("*.md"))
    texts = {
        language: {name: (folder / f"{name}.md").read_text() for name in names}
        for language, folder in _LANGUAGES.items()
    }
    temporary = TARGET.with_suffix(".new")
    temporary.write_text(json.dumps(render(texts), ensure_ascii=False))
    temporary.replace(TARGET)


if __name__ == "__main__":
    main()
