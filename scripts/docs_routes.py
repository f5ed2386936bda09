"""Reference pages of routes: the partner API from its OpenAPI document, every route from the URLconf."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import cast

from docs_tables import code, page, paragraphs, table

Json = dict[str, object]


def set_up_django() -> None:
    """Set Django up with an empty data folder, so that the pages are the same on every machine."""
    import django
    from django.apps import apps

    if not apps.ready:
        os.environ["DJANGO_SETTINGS_MODULE"] = "fanal.config.settings"
        folder = os.environ["FANAL_HOME"] = tempfile.mkdtemp(prefix="fanal-docs-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for name in ("FANAL_PUBLIC_NODE", "FANAL_DEMO", "DATABASE_URL"):
            os.environ.pop(name, None)
        django.setup()


def partner_api() -> str:
    """Return the page of the partner API (`/api/v1`), in Markdown."""
    set_up_django()
    from fanal.api.v1.api import api

    document = cast("Json", api.get_openapi_schema())
    operations = [
        (path, method, cast("Json", operation))
        for path, methods in cast("dict[str, Json]", document["paths"]).items()
        for method, operation in methods.items()
    ]
    schemas = cast("dict[str, dict[str, Json]]", document["components"])["schemas"]
    return page(
        "Partner API",
        "the OpenAPI document that `/api/v1/openapi.json` serves",
        "Credentials: `Authorization: Bearer TOKEN` (`fanal partner add`). The body of a report is the "
        "[report format](formats.md). How to use it: [Partner by the API](../how-to/partner-api.md).",
        *(_operation(*operation) for operation in operations),
        "## Answers",
        *(_schema(name, schema) for name, schema in schemas.items()),
    )


def _operation(path: str, method: str, operation: Json) -> str:
    parameters = cast("list[dict[str, Json]]", operation.get("parameters", []))
    responses = cast("dict[str, Json]", operation["responses"])
    rows = [
        (
            code(p["name"]),
            p["in"],
            _type(p["schema"]),
            code(p["schema"].get("default", "")),
            p.get("description", ""),
        )
        for p in parameters
    ]
    parts = [f"## {method.upper()} {path}", f"{operation['summary']}."]
    parts.append(paragraphs(str(operation.get("description", ""))))
    if rows:
        parts.append(table(("Parameter", "In", "Type", "Default", "Meaning"), rows))
    parts.append(
        table(("Status", "Means"), [(code(s), r["description"]) for s, r in responses.items()])
    )
    return "\n\n".join(parts)


def _schema(name: str, schema: Json) -> str:
    fields = cast("dict[str, Json]", schema.get("properties", {}))
    rows = [(code(field), _type(f), f.get("description", "")) for field, f in fields.items()]
    head = [f"### {name}", paragraphs(str(schema.get("description", "")))]
    return "\n\n".join([*head, table(("Field", "Type", "Meaning"), rows)])


def _type(schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(code(v) for v in cast("list[object]", schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_type(s) for s in cast("list[Json]", schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("format") or schema.get("type", "any"))


def routes() -> str:
    """Return the page of every route with the policy action that it requires, in Markdown."""
    set_up_django()
    groups: dict[str, list[tuple[object, ...]]] = {}
    for pattern, name, needed, text in walk_routes():
        groups.setdefault(_group(pattern), []).append((code("/" + pattern), name, needed, text))
    return page(
        "Routes",
        "the URLconf and the declarations of its views",
        "A route that declares no action is refused. `LANGUAGE` is `fr` or `en`. The actions are those of "
        "the [policy](policy.md).",
        *(
            f"## {group}\n\n" + table(("Route", "Name", "Action", "What it does"), rows)
            for group, rows in groups.items()
        ),
    )


def _group(pattern: str) -> str:
    parts = [part for part in pattern.split("/") if part]
    if parts[:1] == ["LANGUAGE"]:
        first = parts[1] if len(parts) > 1 else ""
        return f"/LANGUAGE/{first}/" if first in {"desk", "account", "login"} else "/LANGUAGE/"
    return f"/{'/'.join(parts[:2])}/" if parts[:1] == ["api"] else f"/{parts[0]}"


def walk_routes() -> Iterator[tuple[str, str, str, str]]:
    """Yield (URL pattern, name, actions, first line of the view's docstring) of each route."""
    from django.urls import get_resolver

    yield from _walk(get_resolver().url_patterns, "", "")


def _walk(patterns: list[object], before: str, space: str) -> Iterator[tuple[str, str, str, str]]:
    from django.urls import URLPattern, URLResolver

    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _walk(entry.url_patterns, before + _text(entry), inner)
        elif isinstance(entry, URLPattern):
            name = f"{space}{entry.name or ''}"
            pattern = re.sub(r"[\^$]|\\Z", "", before + _text(entry))
            yield (
                pattern,
                code(name),
                _needed(entry.callback, name),
                _first_sentence(entry.callback),
            )


def _text(entry: object) -> str:
    from django.urls import URLPattern, URLResolver
    from django.urls.resolvers import LocalePrefixPattern

    pattern = cast("URLPattern | URLResolver", entry).pattern
    return "LANGUAGE/" if isinstance(pattern, LocalePrefixPattern) else str(pattern)


def _needed(view: object, name: str) -> str:
    from fanal.accounts.routes import declaration_of

    declaration = declaration_of(view, name.strip("`"))
    if declaration is None:
        return "none"
    return ", ".join(
        f"`{action}`" if method == "*" else f"{method} `{action}`"
        for method, action in declaration.actions.items()
    )


def _first_sentence(view: object) -> str:
    module = getattr(view, "__module__", "")
    if not module.startswith("fanal."):
        return ""
    return (getattr(view, "__doc__", "") or "").strip().partition("\n")[0]
