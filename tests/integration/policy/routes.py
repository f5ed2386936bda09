"""The routes of the full node as the walk sees them: taken from the URLconf, none left out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters

from fanal.accounts.routes import Declaration, declaration_of


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route: its pattern, full name, the names and converters of what the address carries."""

    pattern: str
    name: str
    view: Callable[..., object]
    declaration: Declaration | None
    arguments: Mapping[str, str]

    def path(self, values: Mapping[str, object], *, language: str = "fr") -> str:
        """Return an address of the route with `values`."""
        address = "/" + self.pattern
        for name, converter in self.arguments.items():
            for form in (f"<{converter}:{name}>", f"<{name}>", f"(?P<{name}>[^/]+)"):
                address = address.replace(form, str(values[name]))
        return address.replace("^", "").replace("$", "").replace("/LANGUAGE/", f"/{language}/", 1)


def walk() -> list[Route]:
    """Return every route of the URLconf, whatever library it comes from."""
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[object], before: str, space: str) -> Iterator[Route]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _walk(entry.url_patterns, before + _text(entry), inner)
        elif isinstance(entry, URLPattern):
            name = f"{space}{entry.name or ''}"
            yield Route(
                pattern=before + _text(entry),
                name=name,
                view=entry.callback,
                declaration=declaration_of(entry.callback, name),
                arguments=_arguments(before + _text(entry)),
            )


def _text(entry: URLResolver | URLPattern) -> str:
    from django.urls.resolvers import LocalePrefixPattern

    return "LANGUAGE/" if isinstance(entry.pattern, LocalePrefixPattern) else str(entry.pattern)


def _arguments(pattern: str) -> dict[str, str]:
    import re

    found = dict.fromkeys(re.findall(r"\(\?P<(\w+)>", pattern), "str")
    for converter, name in re.findall(r"(?<!\?P)<(?:(\w+):)?(\w+)>", pattern):
        found[name] = converter or "str"
    unknown = set(found.values()) - set(get_converters())
    assert not unknown, f"{pattern}: unknown converters {unknown}"
    return found
