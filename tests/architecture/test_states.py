"""A state table that nothing applies says what is not so: each decides where its things stand."""

import re

from tests.architecture.tree import SOURCE

TABLE = re.compile(r"^(\w+)(?:: [\w\[\]]+)? = StateTable\(", re.M)


def test_every_state_table_is_applied():
    texts = {path: path.read_text() for path in SOURCE.rglob("*.py")}
    tables = [name for text in texts.values() for name in TABLE.findall(text)]
    assert len(tables) >= 12
    everything = "\n".join(texts.values())
    unused = [
        name
        for name in tables
        if not re.search(rf"\b{name}\.(?:apply|moves_from)\(", everything)
        # By a mapping, such as ROUNDS, or the lifecycle of an act.
        and not re.search(rf"(?:: |states=){name}[,}}]", everything)
    ]
    assert unused == []
