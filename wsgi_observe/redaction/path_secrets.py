"""The secrets that a door has found in the path, for whoever tells of the request."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

from wsgi_observe.context import bound
from wsgi_observe.redaction import Redactor
from wsgi_observe.wsgi.environ import MASKED_PATH


class PathReader(Protocol):
    """A router that knows which part of a path is a secret."""

    def secrets_in(self, path: str) -> list[str]:
        """Return the secrets in a path of its own."""


readers: WeakSet[PathReader] = WeakSet()
"""Those of the apps that doors observe, for whoever meets a path after its request."""


def in_this_request(redactor: Redactor) -> Redactor:
    """Return a redactor that also knows the secrets in the running request's path."""
    scope = bound()  # of one that has ended the environ is empty
    if scope is None or MASKED_PATH not in scope.environ:
        return redactor
    return redactor.knowing(scope.environ[MASKED_PATH][2:])


def on_this_path(redactor: Redactor, path: str) -> Redactor:
    """Return a redactor that also knows the secrets in a path."""
    found = [secret for reader in list(readers) for secret in reader.secrets_in(path)]
    return redactor.knowing(found) if found else redactor
