"""Readiness checks that a setting names by import path."""

from wsgi_observe import Check


def ping() -> None:
    """Pass."""


def fail() -> None:
    raise OSError("no route")


slow = Check(ping, timeout=40.0)
