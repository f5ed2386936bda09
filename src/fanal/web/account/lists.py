"""Page on the state of all lists: hashes and addresses, their sources, words and names, the blocking list.

Versions, sizes, fetches and failures; no value of an entry.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.instructions import standing_for_each
from fanal.accounts.routes import needs
from fanal.analyse.material.queries import lists as material
from fanal.analyse.priority.queries import current_rules
from fanal.analyse.signals.domain.lexicon import read_lexicon, shipped_lexicons
from fanal.analyse.signals.operations.in_force import version_in_force
from fanal.exchange import queries
from fanal.exchange.domain.records import FetchCheckpoint, ListSource, next_fetch
from fanal.measures.blocking.publication.gate import gate_state
from fanal.measures.blocking.register import newest_published
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.cosigning import waits_of


class SourceLine(Struct, frozen=True, kw_only=True):
    """A source of a list on the page, with its checkpoint `held` and the name of the list that it feeds.

    `listed` is that name. `permitted`: a standing instruction is in force. `next_at` is when the next
    scheduled fetch is due, None for at once.
    """

    source: ListSource
    held: FetchCheckpoint
    listed: str
    permitted: bool
    next_at: datetime | None


class WordsLine(Struct, frozen=True, kw_only=True):
    """A list of words, names or rules that comes with the program or is activated by two people.

    `entries` is None where they are not counted; `by_two` whether two people put it in force.
    """

    words: str
    version: str
    entries: int | None
    by_two: bool


@never_cache
@require_GET
@needs("list.watch")
def lists(request: HttpRequest) -> HttpResponse:
    """Show the state of every list and source; those who manage sources fetch one now from here."""
    actor, now = actor_of(request), now_of(request)
    states = material.list_lists()
    names = {state.id: state.name for state in states}
    found = queries.watch_sources(actor=actor)
    under = standing_for_each(
        kind=InstructionKind.LIST_FETCH,
        scopes={names[source.list_id] for source, _held in found if source.list_id in names},
        now=now,
    )
    sources = [
        SourceLine(
            source=source,
            held=held,
            listed=names.get(source.list_id, ""),
            permitted=names.get(source.list_id, "") in under,
            next_at=next_fetch(source, held),
        )
        for source, held in found
    ]
    fed = {line.source.list_id for line in sources}
    published, gate = newest_published(actor=actor), gate_state(actor=actor)
    context = {
        "states": [(state, state.id in fed) for state in states],
        "sources": sources,
        "now": now,
        "may_manage": may(actor, "source.manage"),
        "words": _words(),
        "published": published,
        "gate": gate,
        "gate_waits": waits_of(gate) if gate.names else "",
        "gate_late": gate.is_late(now=now),
        "expired": published is not None and published.expires_at <= now,
    }
    return render(request, "account_pages/lists.html", context)


def _words() -> list[WordsLine]:
    lexicons = [read_lexicon(text, name=name) for name, text in shipped_lexicons().items()]
    rules, catalogue = current_rules(), reference.load()
    return [
        *(
            WordsLine(
                words=_("Phrases in French") if one.language == "fr" else _("Phrases in English"),
                version=one.version,
                entries=sum(len(entry.phrases) for entry in one.signal)
                + sum(len(entry.phrases) for entry in one.context),
                by_two=False,
            )
            for one in lexicons
        ),
        WordsLine(
            words=_("Text reader"), version=version_in_force() or "–", entries=None, by_two=True
        ),
        WordsLine(
            words=_("Priority rules"), version=rules.version, entries=len(rules.rule), by_two=True
        ),
        WordsLine(
            words=_("Rules and law"),
            version=catalogue.version[:12],
            entries=None,
            by_two=False,
        ),
    ]
