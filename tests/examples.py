"""How many examples a run draws: the usual number times this; more than one under `make search`."""

import os

EXAMPLES = float(os.environ.get("FANAL_EXAMPLES", "1"))
