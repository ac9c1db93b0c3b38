"""wsgi_observe, as the documentation has it."""

from __future__ import annotations

from flask import Flask

from benchmarks.apps import logging_hello, observed_hello


def silent() -> Flask:
    """Return the hello without an access line."""
    return observed_hello(access_log=False)


def plain() -> Flask:
    """Return the hello with one by `json`."""
    return logging_hello("json")


def orjson() -> Flask:
    """Return the hello with one by `orjson`."""
    return logging_hello("orjson")
