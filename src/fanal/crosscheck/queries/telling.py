"""Whether identifiers tell anything by themselves, for those who compare them with others."""

from collections.abc import Sequence

from django.db import connection

from fanal.crosscheck.domain.cards import key_of, signed
from fanal.crosscheck.domain.telling import tells
from fanal.crosscheck.domain.weights import load_weights
from fanal.harmonise.domain.sightings import HeldKey


def telling(*, held: Sequence[HeldKey]) -> list[bool]:
    """Return for each key whether it is no hub, and held by few enough reports to tell anything."""
    keys = [signed(key_of(one.key)) for one in held]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM crosscheck_value WHERE hub AND key = ANY(%s::bigint[])", [keys]
        )
        hubs = {key for (key,) in cursor.fetchall()}
    weights = load_weights()
    return [
        tells(one.kind, sum(one.total.values()), hub=key in hubs, weights=weights)
        for one, key in zip(held, keys, strict=True)
    ]
