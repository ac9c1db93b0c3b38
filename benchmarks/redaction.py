"""What redaction costs: an ordinary line, and texts that are made to take long.

``python -m benchmarks.redaction`` shows that the time of the latter grows in proportion, up to the
64 KiB of a text that are searched.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from time import process_time

from rich.console import Console
from rich.table import Table

from benchmarks.apps import flask_hello
from benchmarks.requests import Call, request
from benchmarks.rounds import Subject, repeated
from wsgi_observe import log_context
from wsgi_observe.core.redact import Redactor
from wsgi_observe.logs import JsonFormatter, LineHandler

PROSE = (
    "Order 4711 of customer 8812 was placed in 12 ms: 3 items, total 99.50 EUR, warehouse "
    "Hamburg, carrier DHL Express, next stop Rotterdam at 14:30 (attempt=1, retried=0), "
    "and all of it is well so far. OK"
)
"""An ordinary line of 200 characters, with four places where a value could stand."""

ADVERSARIAL = {
    "prose": f"{PROSE} ",
    "one word": "a",
    "digits": "4",
    "spaces": " ",
    "quotes": '"',
    "backslashes": "\\",
    "open brackets": "[",
    "brackets in names": "a[",
    "escapes in names": "\\u0061",
    "separators": "=",
    "names": "ab1=",
    "secrets": "password=x ",
    "names of two words": "api key: ",
    "secrets in a row": "token=a,",
    "values that never close": "token=(",
    "quotes that never close": 'token={"',
    "quotes within quotes": 'token=\\"',
    "angle brackets that never close": "token=<a ",
    "calls": "token=a(b)",
    "URLs without an end": "://a:",
    "URLs with a password": "http://u:p@",
    "encoded queries": "%26token%3Da",
    "beginnings of tokens": "eyJ",
    "beginnings of keys": "-----BEGIN ",
    "keys without an end": "-----BEGIN PRIVATE KEY-----",
    "credentials": "Bearer ",
    "parameters": "[parameters: (",
    "options": "--token a ",
    "frames": '  File "a", line 1\n    token = "(a\n',
    "addresses": "a@b.",
    "numbers like a card's": "4 1-",
    "quoted header names": '"Cookie: a", ',
    "options without an end": "--a%",
}


def subjects() -> dict[str, Subject]:
    """Return what is measured: the text alone, and a whole line with and without redaction."""
    redactor = Redactor()
    plain = PROSE.replace(":", ",").replace("=", " ")
    calls: dict[str, Call] = {
        "Flask": request(flask_hello()),
        "text": lambda: redactor.text(PROSE),
        "text without separators": lambda: redactor.text(plain),
        "line": _line(redact=True),
        "line, as it is": _line(redact=False),
    }
    return {name: repeated(call) for name, call in calls.items()}


def _line(*, redact: bool) -> Call:
    handler = LineHandler("stdout")
    handler.setFormatter(JsonFormatter(redact=redact))
    logger = logging.getLogger(f"benchmark.{redact}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)

    def call() -> None:
        with log_context("a", order=4711, customer="8812"):
            logger.info(PROSE, extra={"warehouse": "Hamburg"})

    return call


def main() -> None:
    """Show milliseconds by size for each text, and the last size's by the first's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--kilobytes", type=int, nargs="+", default=(16, 64, 1024))
    Console().print(sizes(parser.parse_args().kilobytes))


def sizes(kilobytes: Sequence[int]) -> Table:
    """Return that table; in proportion the last column is the last size by the first."""
    redactor = Redactor(personal=True)
    table = Table(title="Milliseconds", title_justify="left")
    for heading in ("text", *(f"{size} KB" for size in kilobytes), "last ÷ first"):
        table.add_column(heading, justify="left" if heading == "text" else "right")
    for what, piece in ADVERSARIAL.items():
        spent = [_seconds(redactor, piece, size * 1024) for size in kilobytes]
        shown = (f"{seconds * 1000:.1f}" for seconds in spent)
        table.add_row(what, *shown, f"{spent[-1] / spent[0]:.1f}")
    return table


def adversarial(piece: str, length: int) -> str:
    """Return a text of that many characters made of one piece."""
    return (piece * (length // len(piece) + 1))[:length]


def _seconds(redactor: Redactor, piece: str, length: int) -> float:
    text = adversarial(piece, length)
    best = float("inf")
    for _ in range(3):
        began = process_time()
        redactor.text(text)
        best = min(best, process_time() - began)
    return best


if __name__ == "__main__":
    main()
