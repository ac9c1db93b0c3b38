"""Django: the doctor's views in front of the URL patterns of ``ROOT_URLCONF``."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.request import validate_host
from django.urls import Resolver404, get_resolver, path, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from wsgi_observe.doctor.frameworks import Framework, View
from wsgi_observe.doctor.own_code import iter_own_modules

_SMALL_BODY = 64
_ERRORS: dict[int, type[Exception]] = {
    400: SuspiciousOperation,
    403: PermissionDenied,
    404: Http404,
}


class DjangoFramework(Framework):
    """A Django project, which is its ``settings``: there is one in a process."""

    name = "django"

    def prepare(self) -> None:
        """Take a host that the project serves; none is named where the deployment names them."""
        if not settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS = [self.host]
        hosts = [self.host, *(host.lstrip(".") for host in settings.ALLOWED_HOSTS)]
        if settings.PREPEND_WWW:
            hosts = [host if host.startswith("www.") else f"www.{host}" for host in hosts]
        allowed = [host for host in hosts if validate_host(host, settings.ALLOWED_HOSTS)]
        self.host = next((host for host in allowed if "*" not in host), self.host)
        self._request: Any = None

    def add_view(self, view: View) -> None:
        """Add a pattern before all others, so that a catch-all pattern does not take its path."""

        def call(request: Any) -> HttpResponse | StreamingHttpResponse:
            self._request = request
            result: Any = view.function()
            if isinstance(result, str):
                return HttpResponse(result, content_type="text/plain")
            return StreamingHttpResponse(result)

        function: Any = csrf_exempt(require_http_methods(list(view.methods))(call))
        function.login_required = False  # for the middleware that asks for a login
        # With ATOMIC_REQUESTS each view begins a transaction.
        function._non_atomic_requests = {"default", *settings.DATABASES}
        resolver = get_resolver()
        patterns = [path(view.path.lstrip("/"), function), *resolver.url_patterns]
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

    def has_route(self, path: str) -> bool:
        """Return whether a pattern matches the path, also with the slash that Django appends."""
        return _resolves(path) or _resolves(f"{path}/")

    def get_logger_candidates(self) -> Iterable[str]:
        """Yield the loggers of its modules, and those that ``LOGGING`` names for its packages."""
        packages = {module.__name__.partition(".")[0] for module in iter_own_modules()}
        named = (settings.LOGGING or {}).get("loggers", {})
        yield from (name for name in named if name.partition(".")[0] in packages)
        yield from super().get_logger_candidates()


def _resolves(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
