"""What `fanal run` has granian serve: the application of `wsgi`, in a process that ends when it is held."""

from fanal.config.held import end_when_held
from fanal.config.wsgi import application

__all__ = ["application"]
end_when_held()
