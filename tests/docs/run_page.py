"""Execute the Python blocks of a page, in order, in the current directory.

Each gets an app that nothing is wrapped round yet. Those that begin with the name of a file are
written there first. What a block has observed has to answer a request with an ID.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.calls import call


def write_files(blocks: list[str]) -> None:
    for block in blocks:
        named = re.match(r"# ([\w./]+\.py)\n", block)
        if named is not None:
            Path(named[1]).write_text(block, encoding="utf-8")


def run(number: int, block: str, names: dict[str, Any]) -> None:
    from shop import create_app, ping_database

    names |= {"app": create_app(), "ping_database": ping_database}
    names.pop("application", None)
    exec(compile(block, f"block {number}", "exec"), names)
    if "bserve(" in block:
        app = names.get("application") or names["app"]
        response = call(app, "/")
        assert re.fullmatch(r"[0-9a-f]{32}", response.request_id or ""), response


def main() -> None:
    """Execute the blocks in the file that is named."""
    sys.path.insert(0, "")
    shared: dict[str, Any] = {"__name__": "page"}
    blocks = json.loads(Path(sys.argv[1]).read_text())
    write_files(blocks)
    for count, block in enumerate(blocks, 1):
        run(count, block, shared)
