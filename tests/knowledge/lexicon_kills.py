"""A process that replaces fifty passages over and over, until it is killed: `python lexicon_kills.py PLACE`.

The number of each version is printed when its commit returned; used by test_lexicon.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from assistant.knowledge.lexicon import Lexicon, Row


def main() -> None:
    """Start with the version after the one that is there."""
    lexicon = Lexicon(Path(sys.argv[1]))
    first = max((int(id.split("-")[1]) for id in lexicon.ids()), default=0) + 1
    for version in itertools.count(first):
        rows = (Row(f"z-{version}-{n}", ("z", str(version)), "public", f"A zeppelin {n}.") for n in range(50))
        lexicon.add(rows)
        lexicon.delete([("z", str(version - 1))])
        lexicon.commit()
        print(version, flush=True)


if __name__ == "__main__":
    main()
