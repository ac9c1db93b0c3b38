"""The app behind a real server: the hello, bare or observed as the documentation has it."""

from __future__ import annotations

from flask import Flask

from benchmarks.apps import flask_hello


def bare() -> Flask:
    """Return it as it is."""
    return flask_hello()


def observed() -> Flask:
    """Return it with the whole stack and its JSON lines."""
    return _observed("json")


def orjson() -> Flask:
    """Return the same with lines by `orjson`."""
    return _observed("orjson")


def _observed(encoder: str) -> Flask:
    # The bare worker's memory is not to have it.
    from benchmarks.observed import observed_hello
    from wsgi_observe import configure_logging

    configure_logging(log_format="json", log_encoder=encoder)
    return observed_hello()
