"""What redaction costs: ``python -m benchmarks.redaction``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from statistics import quantiles
from time import process_time

from benchmarks.__main__ import stdout_to_nowhere
from benchmarks.rounds import Round, measure
from benchmarks.subjects import flask_hello, request
from wsgi_observe import configure_logging, log_context
from wsgi_observe.core.redact import Redactor

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
    "frames": '  File "a", line 1\n    token = (\n',
    "addresses": "a@b.",
    "numbers like a card's": "4 1-",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=60, help="of each subject in a round")
    parser.add_argument("--kilobytes", type=int, nargs="+", default=(64, 256, 1024))
    options = parser.parse_args()
    with stdout_to_nowhere():
        rounds = measure(subjects(), options.rounds, options.calls)
    print(table_of_parts(rounds))
    print(table_of_sizes(options.kilobytes))


def subjects() -> dict[str, Callable[[], object]]:
    """Return what is measured: the text alone, and a whole line with and without redaction."""
    redactor = Redactor()
    plain = PROSE.replace(":", ",").replace("=", " ")
    return {
        "bare": request(flask_hello()),
        "text": lambda: redactor.text(PROSE),
        "text without separators": lambda: redactor.text(plain),
        "line, redacted": _line(redact=True),
        "line, as it is": _line(redact=False),
    }


def _line(*, redact: bool) -> Callable[[], object]:
    configure_logging(log_format="json")
    handler = logging.getLogger().handlers[0]
    logger = logging.getLogger(f"benchmark.{redact}")
    formatter = type(handler.formatter)(redact=redact)  # type: ignore[call-arg]

    def call() -> None:
        handler.setFormatter(formatter)
        with log_context("a", order=4711, customer="8812"):
            logger.info(PROSE, extra={"warehouse": "Hamburg"})

    return call


def table_of_parts(rounds: list[Round]) -> str:
    """Return costs as parts of the bare Flask request of the same round."""
    bare = quantiles([one["bare"] for one in rounds], n=4)[1] * 1e6
    lines = [f"{'of a bare Flask JSON hello':48}{bare:8.1f} µs   part   quartiles"]
    for what, cost in _COSTS.items():
        spent = [cost(one) for one in rounds]
        parts = [seconds / one["bare"] for seconds, one in zip(spent, rounds, strict=True)]
        low, median, high = quantiles(parts, n=4)
        microseconds = quantiles(spent, n=4)[1] * 1e6
        lines.append(f"{what:48}{microseconds:8.2f} µs  {median:.3f}  {low:.3f} to {high:.3f}")
    return "\n".join(lines)


_COSTS: dict[str, Callable[[Round], float]] = {
    "200 characters, nothing to redact": lambda one: one["text"],
    "the same without = and :": lambda one: one["text without separators"],
    "a whole line with redaction": lambda one: one["line, redacted"],
    "what redaction adds to it": lambda one: one["line, redacted"] - one["line, as it is"],
}


def table_of_sizes(kilobytes: Sequence[int]) -> str:
    """Return milliseconds by size for each adversarial text, and the last size's by the first's.

    In proportion that is 16.
    """
    redactor = Redactor(personal=True)
    heads = "".join(f"{size:>8} KB" for size in kilobytes)
    lines = [f"{'milliseconds':34}{heads}   last:first"]
    for what, piece in ADVERSARIAL.items():
        spent = [_seconds(redactor, piece, size * 1024) for size in kilobytes]
        shown = "".join(f"{seconds * 1000:11.1f}" for seconds in spent)
        lines.append(f"{what:34}{shown}{spent[-1] / spent[0]:13.1f}")
    return "\n".join(lines)


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
