"""What an attacker writes into a log, and pages made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cli.log_commands import write
from tests.logreader.log_lines import ID, TRACEBACK, access_line, error_line, line
from wsgi_observe.cli import main

ATTACKS = {
    "script": "<script>window.attacked = 1</script>",
    "end-of-script": "</script></style></title></pre><svg onload=window.attacked=1>",
    "double-quote": '"><img src=http://192.0.2.1/x onerror="window.attacked=1">',
    "single-quote": "' autofocus onfocus='window.attacked=1' style='position:fixed",
    "link": "javascript:window.attacked=1",
    "comment": "]]> --> <!-- <![CDATA[ <?php ?> <!doctype html>",
    "refresh": '<meta http-equiv="refresh" content="0;url=http://192.0.2.1/">',
    "base": '<base href="http://192.0.2.1/"><link rel=stylesheet href=//192.0.2.1/x.css>',
    "frame": '<iframe srcdoc="<script>parent.attacked=1</script>"></iframe>',
    "form": "<form action=http://192.0.2.1><button>Copy</button></form>",
    "template": "$title ${script} {{7*7}} %(body)s {0}",
    "entity": "&lt;b&gt; &amp;amp; &#60;script&#62;",
    "directions": "\u202e\u2066gnp.\u2069\u200f",
    "controls": "\x1b[2J\x1b]0;x\x07\x00\x7f\x9b31m\r\x0b\x0c\x85\u2028",
    "surrogate": "\ud800 \udfff",
    "huge": "<b>" * 200_000,
    "wide": "w" * 3000,
}

_FIELDS = (
    *("message", "logger", "module", "level", "path", "method", "route", "remote_addr"),
    *("service", "release", "user_agent", "outcome", "cause", "trace_id", "error_id", "exc_type"),
)


def hostile_lines(attack: str) -> Iterator[str]:
    """Yield the lines of a request that has the attack in every field, and in other lines."""
    fields: dict[str, Any] = dict.fromkeys(_FIELDS, attack)
    yield line(**fields | {"level": "INFO", attack: attack, "nested": {attack: [attack]}})
    yield line(**fields | {"buffered": True, "pid": attack, "module": None})
    traceback = TRACEBACK.replace("no charges", attack).replace("views.py", attack[:2000])
    traceback = traceback.replace("average([])", attack[:2000]).replace("in crash", "in " + attack)
    yield error_line(**fields | {"level": "ERROR", "exc_info": traceback})
    yield line(**fields | {"at": 0.45, "level": "WARNING", "age": 2.5, "stack": attack})
    yield access_line(**fields)
    died = {"level": "ERROR", "outcome": "died", "at": 0.6, "worker_pid": attack}
    yield line(**fields | died)
    yield line(f"{attack} {ID}", request_id="other")
    yield f"{attack} mentions {ID}".replace("\n", " ").encode("ascii", "replace").decode()
    # Of a logger that accepts any request ID.
    other = {"time": 1795918005000, "level": "error", "msg": attack, "reqId": ID + attack}
    yield json.dumps(other)


def make_page(folder: Path, lines: Iterator[str] | list[str], *arguments: str) -> Path:
    """Return the page that a command writes of some lines."""
    log = write(folder / "shop.log", lines)
    page = folder / "page.html"
    assert main([*arguments, str(log), "--html", str(page)]) in (0, 1)
    return page
