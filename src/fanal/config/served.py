"""The WSGI application that `fanal run` serves with granian, with a watchdog against hangs."""

from fanal.config.wsgi import application
from fanal.kernel.process import end_when_held

__all__ = ["application"]
end_when_held()
