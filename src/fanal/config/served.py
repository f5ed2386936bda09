"""The WSGI application that `fanal run` serves with granian, with a watchdog (`held`) against hangs."""

from fanal.config.held import end_when_held
from fanal.config.wsgi import application

__all__ = ["application"]
end_when_held()
