"""Imports without the garbage collector: modules create many lasting objects and no garbage.

The collections would take a quarter of the start of a command.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Disable the garbage collector within the context; at its end, exempt all present objects from it.

    Without effect if it was already disabled.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
