"""Loading without the garbage collector, which would walk what is loaded again and again.

Modules make a great many lasting objects and no garbage: the walks are a quarter of the start of a command.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Keep the collector still while modules are loaded; what stands at the end it never walks again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
