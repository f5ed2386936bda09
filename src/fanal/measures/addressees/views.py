"""Queries on the directory of addressees: list, one entry, its versions, those that fit a measure."""

from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_address, ip_network
from itertools import takewhile
from typing import Any  # noqa: TID251 - the columns of a row
from uuid import UUID

import msgspec

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.harmonise.domain.values.urls import ip_in_host
from fanal.kernel.actors import Actor
from fanal.measures.addressees.records import (
    ADDRESSES,
    Entry,
    EntryState,
    Fact,
    Field,
    Kind,
    Proposal,
    Version,
)
from fanal.measures.addressees.rules import fits

_FACTS = msgspec.json.Decoder(tuple[Fact, ...])
_VERSIONS = """
SELECT a.id, a.version, a.closed, a.facts::text, a.author_id, a.written_at, s.second_id, s.seconded_at
FROM measures_addressee a
LEFT JOIN measures_addressee_second s ON (s.addressee_id, s.version) = (a.id, a.version)
"""
_NEWEST = f"""
WITH confirmed AS (SELECT addressee_id, max(version) AS version FROM measures_addressee_second GROUP BY 1)
{_VERSIONS} LEFT JOIN confirmed c ON c.addressee_id = a.id
WHERE a.version >= coalesce(c.version, 1)
"""  # noqa: S608 - statements of this module
"""The versions since the last confirmed one, included."""
_LAST_CONFIRMED = f"""
{_VERSIONS} WHERE (a.id, a.version) IN (
    SELECT addressee_id, max(version) FROM measures_addressee_second GROUP BY 1)
"""  # noqa: S608 - statements of this module
_UNCONFIRMED = """
AND coalesce(c.version, 0) < (SELECT max(m.version) FROM measures_addressee m WHERE m.id = a.id)
"""
"""Keeps the entries whose newest version nobody confirmed: only these may await confirmation."""


def list_entries(
    *,
    actor: Actor,
    text: str = "",
    kind: Kind | None = None,
    state: EntryState | None = None,
) -> list[Entry]:
    """Return the entries of the directory, sorted by name without regard to case.

    `text`: only those with a fact whose value contains it, in any case. `kind` and `state`: only those of
    this kind, in this state.

    Raises:
        Refused: the actor may not read the directory.
    """
    require(actor, "addressee.read")
    sought = text.casefold()
    statement = _NEWEST + _UNCONFIRMED if state is EntryState.WAITING else _NEWEST
    found = [
        entry
        for entry in _entries(statement, [])
        if (kind is None or kind in entry.kinds)
        and (state is None or entry.state is state)
        and (not sought or any(sought in f.value.casefold() for f in entry.newest.facts))
    ]
    return sorted(found, key=lambda entry: (entry.name.casefold(), entry.id))


def count_waiting(*, actor: Actor) -> int:
    """Count the entries with an address that awaits confirmation by a second person.

    Raises:
        Refused: the actor may not read the directory.
    """
    return len(list_entries(actor=actor, state=EntryState.WAITING))


def get_entry(*, actor: Actor, addressee_id: UUID) -> Entry | None:
    """Return the entry of an addressee; None if there is none.

    Raises:
        Refused: the actor may not read the directory.
    """
    require(actor, "addressee.read")
    return find_entry(addressee_id)


def find_entry(addressee_id: UUID) -> Entry | None:
    """Return the entry of an addressee; None if there is none. The caller has checked the right."""
    return next(iter(_entries(f"{_NEWEST} AND a.id = %s", [addressee_id])), None)


def versions_of(*, actor: Actor, addressee_id: UUID) -> list[Version]:
    """Return all versions of an addressee, the newest first.

    Raises:
        Refused: the actor may not read the directory.
    """
    require(actor, "addressee.read")
    found = sql.rows(f"{_VERSIONS} WHERE a.id = %s ORDER BY a.version DESC", [addressee_id])
    return [_version(row) for row in found]


def proposals_for(
    *, actor: Actor, hosts: Collection[str], kinds: Collection[Kind]
) -> list[Proposal]:
    """Return the addressees of any of `kinds` to which a measure on `hosts` may go, the best fit first.

    An addressee fits a host if one of its domain names or networks contains it. Without `hosts`, each
    addressee of `kinds` fits. A second person has confirmed its name, kinds, domain names, networks and
    address; a kind or name that the newest version has dropped no longer counts. Entries without a confirmed
    electronic address, and closed ones, are left out.

    Raises:
        Refused: the actor may not read the directory.
    """
    found = []
    for entry in list_entries(actor=actor):
        facts = entry.in_use()
        contact = _contact(facts)
        because = tuple(dict.fromkeys(reason for host in hosts for reason in fits(facts, host)))
        does = tuple(fact.value for fact in facts if fact.field is Field.KIND)
        if contact and {*does} & {*kinds} and (because or not hosts):
            found.append(
                Proposal(
                    addressee_id=entry.id,
                    name=next(fact.value for fact in facts if fact.field is Field.NAME),
                    contact=contact,
                    language=_language(entry.newest.values(Field.LANGUAGE)),
                    kinds=does,
                    because=because,
                )
            )
    return sorted(found, key=lambda one: -max(map(len, one.because), default=0))


def countries_of(*, hosts: Collection[str]) -> dict[str, str]:
    """Return by host the country (ISO 3166-1 alpha-2) where the addressee responsible for it is registered.

    `hosts` are host names as A-labels, or IP addresses (IPv6 in brackets). The longest domain name or network
    decides. A host for which nobody is responsible, or addressees of two countries are, has no key. Each
    addressee counts as a second person last confirmed it, also once it is closed: what one person alone
    writes changes no published figure. Access is not checked: the caller only counts.
    """
    claims: dict[str, set[str]] = {}
    for version in map(_version, sql.rows(_LAST_CONFIRMED, [])):
        for field in (Field.DOMAIN, Field.PREFIX):
            for value in version.values(field):
                claims.setdefault(value, set()).add(version.value(Field.TERRITORY))
    networks = sorted((ip_network(c) for c in claims if "/" in c), key=lambda n: -n.prefixlen)
    found = {}
    for host in hosts:
        address = ip_in_host(host) if host else None
        if address is None:
            labels = host.split(".")
            over = (".".join(labels[n:]) for n in range(len(labels)))
        else:
            ip = ip_address(address)
            over = (str(n) for n in networks if n.version == ip.version and ip in n)
        said = claims.get(next((claim for claim in over if claim in claims), ""), set())
        if len(said) == 1 and said != {""}:
            [found[host]] = said
    return found


def _contact(facts: Collection[Fact]) -> str:
    """Return the electronic address among the facts in use to which measures go; "" if there is none."""
    written = {fact.field: fact.value for fact in reversed([*facts])}
    return next((written[f] for f in ADDRESSES if f is not Field.POSTAL and f in written), "")


def _language(declared: Collection[str]) -> str:
    """Return the language of letters, which are in French and English, for the declared ones."""
    return "fr" if not declared or "fr" in declared else "en"


def _entries(statement: str, parameters: Sequence[object]) -> Iterable[Entry]:
    versions: dict[UUID, list[Version]] = {}
    for row in sql.rows(f"{statement} ORDER BY a.id, a.version DESC", parameters):
        versions.setdefault(row[0], []).append(_version(row))
    for newest, *earlier in versions.values():
        every = (newest, *earlier)
        since = [*takewhile(lambda one: one.second_id is None, every)]
        confirmed = every[len(since)] if len(since) < len(every) else None
        if not all(one.is_open for one in since):
            confirmed = None
        authors = frozenset(one.author_id for one in since)
        yield Entry(newest=newest, confirmed=confirmed, authors=authors)


def _version(row: tuple[Any, ...]) -> Version:
    addressee_id, version, closed, facts, author_id, written_at, second_id, seconded_at = row
    return Version(
        addressee_id=addressee_id,
        version=version,
        closed=closed,
        facts=_FACTS.decode(facts),
        author_id=author_id,
        written_at=written_at,
        second_id=second_id,
        seconded_at=seconded_at,
    )
