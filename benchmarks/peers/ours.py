"""wsgi_observe, as the documentation has it."""

from __future__ import annotations

from flask import Flask

from benchmarks.observed import observed_hello
from wsgi_observe import configure_logging


def silent() -> Flask:
    """Return the hello without an access line."""
    return observed_hello(access_log=False)


def plain() -> Flask:
    """Return the hello with one by `json`."""
    configure_logging(log_format="json")
    return observed_hello()


def orjson() -> Flask:
    """Return the hello with one by `orjson`."""
    configure_logging(log_format="json", log_encoder="orjson")
    return observed_hello()
