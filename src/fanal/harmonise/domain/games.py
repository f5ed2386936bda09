"""Games and virtual worlds: the service, or `service:world` where an address names the world."""

import re

from ada_url import URL

from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.handles import fold, read_platform


class _Game(DataRecord, frozen=True):
    platform: str
    domain: str
    path: str


class _Games(DataRecord, frozen=True):
    version: str
    source: str
    game: tuple[_Game, ...]


_GAMES = load("games.toml", _Games)
_BY_DOMAIN: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _entry in _GAMES.game:
    _BY_DOMAIN.setdefault(_entry.domain, []).append((_entry.platform, re.compile(_entry.path)))


def read_game(text: str) -> str | None:
    """Return the canonical name of a game, world or `service:world` id, or None for a blank text."""
    service, mark, world = text.partition(":")
    world = "" if world.startswith("//") else fold(world)
    if mark and world:
        name = read_platform(service)
        return None if name is None else f"{name}:{world}"
    return read_platform(text)


def game_in_url(key: str, host: str, domain: str | None) -> str | None:
    """Return `service:world` when the address is that of a listed world, else None."""
    rules = _BY_DOMAIN.get(domain or "") or _BY_DOMAIN.get(host)
    if rules is None:
        return None
    path = URL(key).pathname
    for platform, pattern in rules:
        match = pattern.match(path)
        if match is not None:
            return f"{platform}:{match.group(1).lower()}"
    return None
