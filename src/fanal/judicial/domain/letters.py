"""The text of a referral in French and English, from values and the officer's own summary. Pure."""

from datetime import date, datetime
from uuid import UUID

from fanal.formats.report.records import PersonRole, PlaceRole
from fanal.harmonise.domain.records import HarmonisedPlace, HarmonisedReport
from fanal.judicial.domain.records import ReferralFacts
from fanal.kernel.calendar import PARIS, paris_day
from fanal.measures.domain.letters import defang
from fanal.orient.domain.records import Basis
from fanal.reference import Catalogue, Offence
from fanal.reference.records import Degree, OffenceValue
from fanal.reference.words import french as typeset, spoken_moment

# From a harmonised report to the facts of a referral; no data of the reporter are included.


def read_facts(report: HarmonisedReport) -> ReferralFacts:
    """Extract the facts of a referral from a harmonised report; no data of the reporter are included."""
    first, last = _days(report)
    victims = [p for p in report.persons if p.role is PersonRole.VICTIM]
    place = report.place
    return ReferralFacts(
        report_id=report.report_id,
        kind=report.kind.value,
        channel=report.channel.value if report.channel else None,
        platform=report.platform,
        first_day=first,
        last_day=last,
        country=place.country if place else None,
        locality=place.locality if place else None,
        victims=len(victims),
        victim_ages=tuple(sorted(p.age for p in victims if p.age is not None)),
        suspects=sum(p.role is PersonRole.SUSPECT for p in report.persons),
        files=len(report.files),
        addresses=tuple(dict.fromkeys(url.reported for url in report.urls)),
        selectors=tuple(
            dict.fromkeys((s.role.value, s.kind.value, s.value) for s in report.selectors)
        ),
        meeting=next((one for one in report.places if one.role is PlaceRole.MEETING), None),
    )


def _days(report: HarmonisedReport) -> tuple[date | None, date | None]:
    if report.occurred is None:
        return None, None
    return (
        paris_day(datetime.fromisoformat(report.occurred.earliest)),
        paris_day(datetime.fromisoformat(report.occurred.latest)),
    )


_HOURS = frozenset({"SECOND", "MINUTE", "HOUR"})
_ROLES = ("SUSPECT", "VICTIM", "ASSOCIATED", "RECIPIENT", "WITNESS", "CONTENT")
_WORDS = {
    "fr": {
        "title": "Transmission n° {id}",
        "to": "À l’attention de : {body}",
        "facts": "1. Faits",
        "kind": "Nature : {kind} ; canal : {channel}{platform}",
        "period": "Période : du {first} au {last}",
        "day": "Date : le {first}",
        "undated": "Période : non précisée par la source",
        "place": "Lieu : {place}",
        "meeting": "Rendez-vous prévu : {time}, {place}",
        "on": "le {time}",
        "no_time": "moment inconnu",
        "no_place": "lieu inconnu",
        "people": "Victimes : {victims} (âges connus : {ages}) ; mis en cause : {suspects}",
        "files": "Fichiers : {files}",
        "none": "aucun",
        "summary": "2. Exposé",
        "bases": "3. Qualifications envisagées",
        "life": "réclusion criminelle à perpétuité",
        "years": "{n} ans d’emprisonnement",
        "fine": "{n} € d’amende",
        "thousands": "\u202f",
        "degree": "    selon la circonstance — {label} : {penalty}",
        "unchecked": "texte non vérifié, à relire",
        "selectors": "4. Identifiants par rôle",
        "addresses": "5. Adresses (neutralisées pour la lecture)",
    },
    "en": {
        "title": "Referral no. {id}",
        "to": "To: {body}",
        "facts": "1. Facts",
        "kind": "Nature: {kind}; channel: {channel}{platform}",
        "period": "Period: from {first} to {last}",
        "day": "Date: {first}",
        "undated": "Period: not stated by the source",
        "place": "Place: {place}",
        "meeting": "Planned meeting: {time}, {place}",
        "on": "{time}",
        "no_time": "time unknown",
        "no_place": "place unknown",
        "people": "Victims: {victims} (known ages: {ages}); suspects: {suspects}",
        "files": "Files: {files}",
        "none": "none",
        "summary": "2. Account",
        "bases": "3. Qualifications considered",
        "life": "life imprisonment",
        "years": "{n} years’ imprisonment",
        "fine": "fine of EUR {n}",
        "thousands": ",",
        "degree": "    where it applies — {label}: {penalty}",
        "unchecked": "text not checked, to be read again",
        "selectors": "4. Identifiers by role",
        "addresses": "5. Addresses (made inactive for reading)",
    },
}


def referral_text(
    facts: ReferralFacts,
    *,
    referral_id: UUID,
    body: str,
    bases: tuple[Basis, ...],
    summary: str,
    catalogue: Catalogue,
    lang: str,
) -> str:
    """Return the text of a referral in `lang` (fr or en), with labels and penalties from `catalogue`.

    `catalogue` is the reference data of codes; `facts` are those of the report, `body` is the code of the
    addressed authority, `bases` the offences, each given with its maximum penalty, `summary` the officer's
    account. Addresses are defanged, so that no reader opens them.
    """
    words = _WORDS["en" if lang.startswith("en") else "fr"]
    parts = [
        words["title"].format(id=referral_id),
        words["to"].format(body=catalogue.label("body", body, lang)),
        _facts(facts, words, catalogue, lang=lang),
        f"{words['summary']}\n{summary.strip() or '—'}",
        _bases(bases, words, catalogue, lang=lang),
        _selectors(facts, words, catalogue, lang=lang),
        "\n".join([words["addresses"], *(f"  {defang(a)}" for a in facts.addresses)]),
    ]
    text = "\n\n".join(parts)
    return text if lang.startswith("en") else typeset(text)


def _facts(facts: ReferralFacts, words: dict[str, str], catalogue: Catalogue, *, lang: str) -> str:
    platform = f" ({facts.platform})" if facts.platform else ""
    lines = [
        words["facts"],
        words["kind"].format(
            kind=catalogue.label("report_kind", facts.kind, lang),
            channel=catalogue.label("channel", facts.channel or "OTHER", lang),
            platform=platform,
        ),
        _period(facts, words, lang=lang),
    ]
    if place := _place(facts.locality, facts.country, catalogue, lang=lang):
        lines.append(words["place"].format(place=place))
    if facts.meeting is not None:
        lines.append(_meeting(facts.meeting, words, catalogue, lang=lang))
    lines.append(
        words["people"].format(
            victims=facts.victims,
            ages=", ".join(map(str, facts.victim_ages)) or words["none"],
            suspects=facts.suspects,
        )
    )
    lines.append(words["files"].format(files=facts.files))
    return "\n".join(lines)


def _place(town: str | None, country: str | None, catalogue: Catalogue, *, lang: str) -> str:
    name = catalogue.label("country", country, lang) if country else None
    return ", ".join(part for part in (town, name) if part)


def _meeting(
    meeting: HarmonisedPlace, words: dict[str, str], catalogue: Catalogue, *, lang: str
) -> str:
    """Return the line of a planned meeting: its time and its place, each said as unknown if not stated."""
    town = " ".join(part for part in (meeting.postcode, meeting.locality) if part)
    time = meeting.time
    at = spoken_start(time.earliest, time.precision, lang) if time else meeting.at
    return words["meeting"].format(
        time=words["on"].format(time=at) if at else words["no_time"],
        place=_place(town, meeting.country, catalogue, lang=lang) or words["no_place"],
    )


def spoken_start(earliest: str, precision: str, lang: str) -> str:
    """Return the start of a stated time (RFC 3339) for a sentence, in Europe/Paris, as fine as stated.

    `precision` is the finest unit stated (`TimeRange.precision`).
    """
    moment = datetime.fromisoformat(earliest).astimezone(PARIS)
    day = spoken_moment(paris_day(moment), lang)
    if precision == "YEAR":
        return str(moment.year)
    if precision == "MONTH":
        return day.partition("\u00a0")[2]
    return spoken_moment(moment, lang) if precision in _HOURS else day


def _period(facts: ReferralFacts, words: dict[str, str], *, lang: str) -> str:
    if facts.first_day is None or facts.last_day is None:
        return words["undated"]
    first, last = spoken_moment(facts.first_day, lang), spoken_moment(facts.last_day, lang)
    return words["day" if first == last else "period"].format(first=first, last=last)


def _bases(
    bases: tuple[Basis, ...], words: dict[str, str], catalogue: Catalogue, *, lang: str
) -> str:
    lines = [words["bases"]]
    for basis in bases:
        entry = catalogue.by_entry_id(basis.entry_id)
        if not isinstance(entry, Offence):
            continue
        flag = f" [{words['unchecked']}]" if basis.unchecked else ""
        label = entry.label.of(lang)
        lines.append(f"  {basis.code} — {label} ({_penalty(entry.value, words)}){flag}")
        # The prosecutor decides which circumstance applies: each is given with its maximum penalty.
        lines += [
            words["degree"].format(label=degree.label.of(lang), penalty=_penalty(degree, words))
            for degree in entry.value.degrees
        ]
    return "\n".join(lines)


def _penalty(value: OffenceValue | Degree, words: dict[str, str]) -> str:
    parts: list[str] = []
    if value.life:
        parts.append(words["life"])
    if value.max_prison_years:
        parts.append(words["years"].format(n=value.max_prison_years))
    if value.fine_euros:
        amount = f"{value.fine_euros:,}".replace(",", words["thousands"])
        parts.append(words["fine"].format(n=amount))
    return ", ".join(parts)


def _selectors(
    facts: ReferralFacts, words: dict[str, str], catalogue: Catalogue, *, lang: str
) -> str:
    lines = [words["selectors"]]
    for role in _ROLES:
        for _, kind, value in (s for s in facts.selectors if s[0] == role):
            shown = defang(value) if kind in ("URL", "HOST", "DOMAIN", "ONION") else value
            name = catalogue.label("selector_role", role, lang)
            lines.append(f"  {name} — {catalogue.label('selector_kind', kind, lang)} — {shown}")
    return "\n".join(lines)
