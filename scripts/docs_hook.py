"""MkDocs hook that adds the reference pages, generated from the code at build time and never committed."""

from collections.abc import Callable, Mapping
from functools import partial

import docs_code
import docs_codes
import docs_law
import docs_model
import docs_routes
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

PAGES: Mapping[str, Callable[[], str]] = {
    "settings": docs_code.settings,
    **{name: partial(docs_code.commands, *span) for name, span in docs_code.COMMANDS.items()},
    "states": docs_code.states,
    "formats": docs_code.formats,
    "database": docs_code.database,
    "ledger": docs_code.ledger_actions,
    "model": docs_model.model,
    "refusals": docs_codes.refusals,
    "refusals-acts": docs_codes.refusals_of_acts,
    "refusals-desks": docs_codes.refusals_of_desks,
    "failures": docs_codes.failures,
    "policy": docs_law.policy,
    "priority": docs_law.priority,
    "api": docs_routes.partner_api,
    "routes": docs_routes.routes,
}


MOST_LINES = 500


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add each generated page to `files`, below `reference/`, and return `files`.

    Raises:
        PluginError: a page has `MOST_LINES` lines or more: split it.
    """
    pages = {name: write() for name, write in PAGES.items()} | docs_law.law()
    for name, text in pages.items():
        if text.count("\n") >= MOST_LINES:
            raise PluginError(f"reference/{name}.md: over {MOST_LINES} lines")
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files
