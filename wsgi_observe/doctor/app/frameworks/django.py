"""Django: the doctor's views in front of the URL patterns of ``ROOT_URLCONF``."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.request import validate_host
from django.urls import Resolver404, get_resolver, resolve
from django.urls import path as make_pattern
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from wsgi_observe.doctor.app.frameworks import METHODS, Framework, ViewFunction
from wsgi_observe.doctor.own_code import find_place, is_own

_SMALL_BODY = 64
_ERRORS: dict[int, type[Exception]] = {
    400: SuspiciousOperation,
    403: PermissionDenied,
    404: Http404,
}


class DjangoFramework(Framework):
    """A Django project, which is its ``settings``: there is one in a process."""

    name = "django"
    _request: Any = None

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        # The project names no host where the deployment names them.
        if not settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS = [self.host]
        hosts = [self.host, *(host.lstrip(".") for host in settings.ALLOWED_HOSTS)]
        if settings.PREPEND_WWW:
            hosts = [host if host.startswith("www.") else f"www.{host}" for host in hosts]
        allowed = [host for host in hosts if validate_host(host, settings.ALLOWED_HOSTS)]
        self.host = next((host for host in allowed if "*" not in host), self.host)

    def add_view(self, path: str, function: ViewFunction, scope: str) -> None:
        """Add a pattern before all others, so that a catch-all pattern does not take its path."""

        def call(request: Any) -> HttpResponse | StreamingHttpResponse:
            self._request = request
            result: Any = function()
            if isinstance(result, str):
                return HttpResponse(result, content_type="text/plain")
            return StreamingHttpResponse(result)

        view: Any = csrf_exempt(require_http_methods(list(METHODS))(call))
        view.login_required = False  # for the middleware that asks for a login
        # With ATOMIC_REQUESTS each view begins a transaction.
        view._non_atomic_requests = {"default", *settings.DATABASES}
        resolver = get_resolver()
        patterns = [make_pattern(path.lstrip("/"), view), *resolver.url_patterns]
        resolver.__dict__["url_patterns"] = patterns  # a cached property
        module: Any = resolver.urlconf_module
        if isinstance(module, ModuleType):
            module.__dict__["urlpatterns"] = patterns

    def read_body(self) -> object:
        """Return the body; Django responds with 400 to one above the limit."""
        before = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = _SMALL_BODY
        try:
            return self._request.body
        finally:
            settings.DATA_UPLOAD_MAX_MEMORY_SIZE = before

    def abort(self, status_code: int, description: str) -> None:
        """Raise Django's exception for a status; it has them for 400, 403 and 404."""
        if status_code not in _ERRORS:
            raise NotImplementedError
        raise _ERRORS[status_code](description)

    def find_error_handler(self, error: Exception | int, scope: str = "") -> str | None:
        """Return the view for a status; exceptions are answered with 500."""
        status_code = error if isinstance(error, int) else 500
        if status_code not in (*_ERRORS, 500):
            return None
        handler: Any = get_resolver().resolve_error_handler(status_code)
        return find_place(handler) if is_own(handler) else None

    def iter_paths(self) -> Iterator[str]:
        """Yield the patterns without arguments, those of included URLconfs too."""
        yield from _iter_paths(get_resolver(), "")

    def has_route(self, path: str) -> bool:
        """Return whether a pattern matches the path, also with the slash that Django appends."""
        return _resolves(path) or _resolves(f"{path}/")


def _iter_paths(resolver: Any, prefix: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern).lstrip("^").rstrip("$")
        if hasattr(pattern, "url_patterns"):
            yield from _iter_paths(pattern, path)
        elif not set("<(") & set(path):
            yield f"/{path.lstrip('/')}"


def _resolves(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
