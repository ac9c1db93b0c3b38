"""A process of its own for one set-up: told a number of calls, it answers with a round.

It speaks lines of JSON, since another environment's Python may be on this end.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

from benchmarks.quiet import hush
from benchmarks.rounds import Here


def main(target: str, *arguments: str) -> None:
    """Set up ``module:function``'s subjects and measure them as often as asked."""
    answers = hush()
    try:
        module, _, function = target.partition(":")
        program = Here(getattr(import_module(module), function)(*arguments))
    except Exception as error:
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"versions": _versions()}), file=answers)
    for line in sys.stdin:
        print(json.dumps(program.round(int(line))), file=answers)


def _versions() -> dict[str, str]:
    """Return the version of each distribution that has been imported from."""
    from importlib.metadata import packages_distributions, version

    owners = packages_distributions()
    roots = {name.partition(".")[0] for name in sys.modules}
    return {owner: version(owner) for root in sorted(roots) for owner in owners.get(root, ())}


if __name__ == "__main__":
    main(*sys.argv[1:])
