"""Secrets in URL paths, as the routes of the app define them."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from wsgi_observe.context import get_raw_context
from wsgi_observe.redaction import Redactor
from wsgi_observe.wsgi.environ import MASKED_PATH

path_secret_finders: WeakSet[Any] = WeakSet()
"""What finds secrets in a path by its app's routes, for one that is redacted after its request.

Each has a method `find_path_secrets`, which returns the values of sensitive parameters in a path.
"""


def with_request_secrets(redactor: Redactor) -> Redactor:
    """Return a redactor that also removes the secrets in the current request's path."""
    context = get_raw_context()  # the environ of one that has ended is empty
    if context is None or MASKED_PATH not in context.environ:
        return redactor
    return redactor.with_secrets(context.environ[MASKED_PATH][2:])


def with_path_secrets(redactor: Redactor, path: str) -> Redactor:
    """Return a redactor that also removes the secrets in a path."""
    secrets = [
        secret for finder in list(path_secret_finders) for secret in finder.find_path_secrets(path)
    ]
    return redactor.with_secrets(secrets) if secrets else redactor


def redact_url(redactor: Redactor, url: str) -> str:
    """Redact a URL that may be one of the observed apps', such as a referer."""
    path = url.partition("?")[0].partition("://")[2].partition("/")[2]
    return with_path_secrets(redactor, f"/{path}").url(url)


def redact_host(redactor: Redactor, host: str) -> str:
    """Redact a Host header, which may have a client's ``user:password@`` in it."""
    return redactor.url(f"http://{host}").removeprefix("http://")
