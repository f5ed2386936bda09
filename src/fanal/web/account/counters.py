"""Django cache backend of the sign-in library, stored in the database so that limits hold in all processes.

It holds counts of wrong codes, used codes and locks. Entries keyed by IP address stay in the memory of the
process: no address is ever written.
"""

from datetime import UTC, datetime, timedelta
from typing import cast

from allauth.mfa import app_settings as factors
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache

from fanal.accounts.operations import people as operations
from fanal.kernel import clock

_BY_ADDRESS = ":ip:"
_USED_CODE = "allauth.mfa.totp.used?"
_DEFAULT = cast("float", DEFAULT_TIMEOUT)  # a sentinel, compared by identity
_NEVER = datetime(9998, 1, 1, tzinfo=UTC)


class SharedCounters(BaseCache):
    """A Django cache of small JSON values in the table `accounts_counter`, shared by all processes.

    Keys with an IP address stay in the memory of this process. `version` is Django's version of a key.
    """

    def __init__(self, location: str, params: dict[str, object]) -> None:
        super().__init__(params)
        self._memory = LocMemCache(location, params)

    def add(
        self, key: str, value: object, timeout: float | None = _DEFAULT, version: int | None = None
    ) -> bool:
        """Store a value under `key` unless the key exists; return whether it was stored.

        `timeout` is in seconds, `version` Django's version of the key. A used one-time code is stored for as
        long as it would be valid: the library would drop it after one period.
        """
        if _BY_ADDRESS in key:
            return self._memory.add(key, value, timeout, version)
        if key.startswith(_USED_CODE):
            timeout = factors.TOTP_PERIOD * (2 * factors.TOTP_TOLERANCE + 1)
        return operations.add_counter(
            key=self._full(key, version),
            value=value,
            expires_at=self._end(timeout),
            now=clock.now(),
        )

    def get(self, key: str, default: object = None, version: int | None = None) -> object:
        """Return the value stored under `key`, or `default` when there is none or it has expired.

        `version` is Django's version of the key.
        """
        if _BY_ADDRESS in key:
            return self._memory.get(key, default, version)
        found = operations.get_counter(key=self._full(key, version), now=clock.now())
        return default if found is None else found

    def set(
        self, key: str, value: object, timeout: float | None = _DEFAULT, version: int | None = None
    ) -> None:
        """Store a value under `key` for `timeout` seconds (None: for ever), replacing any earlier one.

        `version` is Django's version of the key.
        """
        if _BY_ADDRESS in key:
            self._memory.set(key, value, timeout, version)
            return
        operations.set_counter(
            key=self._full(key, version), value=value, expires_at=self._end(timeout)
        )

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete the value stored under `key`; return whether it existed.

        `version` is Django's version of the key.
        """
        if _BY_ADDRESS in key:
            return self._memory.delete(key, version)
        return operations.drop_counter(key=self._full(key, version))

    def clear(self) -> None:
        """Delete all values, those in the database and those kept in this process."""
        self._memory.clear()
        operations.forget_counters(now=None)

    def _full(self, key: str, version: int | None) -> str:
        return str(self.make_and_validate_key(key, version=version))

    def _end(self, timeout: float | None) -> datetime:
        seconds = self.default_timeout if timeout is _DEFAULT else timeout
        return _NEVER if seconds is None else clock.now() + timedelta(seconds=seconds)
