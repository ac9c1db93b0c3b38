"""An HTTP client that keeps cookies, and each exchange together with what is expected of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support import Answer, send

HOST = "apps.test"  # of all requests, since URLs in bodies would name each server's own port


@dataclass(frozen=True)
class Expected:
    """What an exchange has to be, apart from being the same bare and observed."""

    envelope: str | None = None
    """The `description` of the error envelope, which replaces the response; `""` for any."""

    exc_type: str | None = None
    """The exception on the ERROR line."""

    errors: int | None = None
    """The number of ERROR lines, where the app logs one itself for a response below 500."""


@dataclass(frozen=True)
class Exchange:
    """A request, its response, and what is expected of both."""

    request_id: str
    method: str
    path: str
    answer: Answer
    is_broken: bool
    expected: Expected

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.answer.status}"

    @property
    def errors(self) -> int:
        """How many ERROR lines it has to leave."""
        if self.expected.errors is not None:
            return self.expected.errors
        return int(self.is_broken or self.answer.status >= 500)


@dataclass
class Client:
    """Sends one request after the other to a server, each under an ID of its own."""

    port: int
    prefix: str = "exchange"
    exchanges: list[Exchange] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **expected: Any) -> Answer:
        return self.ask("GET", path, headers=headers, **expected)

    def post_form(self, path: str, form: Mapping[str, str], **expected: Any) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(form).encode(), headers, **expected)

    def send_json(
        self,
        method: str,
        path: str,
        data: object,
        headers: Mapping[str, str] | None = None,
        **expected: Any,
    ) -> Answer:
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self.ask(method, path, json.dumps(data).encode(), headers, **expected)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **expected: Any,
    ) -> Answer:
        """Send a request, keep the exchange, and return the response."""
        request_id = f"{self.prefix}-{len(self.exchanges) + 1}"
        own = {"Host": HOST, "X-Request-ID": request_id}
        if self.cookies:
            own["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer, error = send(self.port, method, path, body, {**own, **(headers or {})})
        self._keep_cookies(answer)
        self.exchanges.append(
            Exchange(request_id, method, path, answer, error is not None, Expected(**expected))
        )
        return answer

    def _keep_cookies(self, answer: Answer) -> None:
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
