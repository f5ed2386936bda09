"""Until when the owners of a report's addresses, and its provider, can still be asked: clocks and rules."""

from django.utils.translation import get_language

from fanal import reference
from fanal.analyse.domain.asking import ask_owner, ask_provider, askable_of
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.records import PUBLIC_SENDER, ReportFacts
from fanal.kernel.calendar import paris_day


def clocks_of(record: HarmonisedReport, facts: ReportFacts) -> dict[str, object]:
    """Return the clock of the newest address, those of all addresses, and that of what the provider keeps."""
    catalogue, lang = reference.load(), get_language() or "fr"
    provider = None
    if facts.sender_id != PUBLIC_SENDER and record.persons:
        provider = ask_provider(
            platform=record.platform, received_at=facts.received_at, catalogue=catalogue
        )
    return {
        "ask_owner": ask_owner(record, catalogue=catalogue),
        "askable": [(a, a.rule.label.of(lang)) for a in askable_of(record, catalogue=catalogue)],
        "ask_provider": provider[0] if provider else None,
        "ask_provider_words": provider[1].label.of(lang) if provider else "",
        "ask_provider_unchecked": provider is not None
        and provider[1].unchecked(paris_day(facts.received_at)),
    }
