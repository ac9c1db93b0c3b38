"""What Sentry, a tracer and a mailbox get of a process full of secrets: none of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sentry_sdk.consts import DEFAULT_OPTIONS

from tests.canaries import CANARIES, OBJECT_PLACES, leaks, seen
from tests.logs.mailbox import mailbox
from tests.sentry.endpoint import sentry_endpoint
from tests.support import eventually, running
from tests.test_no_secret_leaves import ROOT, fail_with_everything, log_of

TRACKED = {
    "sentry": {"local", "exception", "cause", "sql", "breadcrumb", "context", "user", "tag"}
    | {"sentry extra", "sentry span", "header", "cookie", "query", "form", "json", "bind"}
    | {"extra", "log argument", "log text", "thread", "url parameter", "link", "referer"}
    | {"attachment", "check-in", "transaction", "user agent", *OBJECT_PLACES},
    "spans": {"span", "header", "cookie", "query", "url parameter", "link", "referer"}
    | {"span event", "span exception", "span status", "user agent"},
}


def outputs(tmp_path: Path, redact: str) -> dict[str, bytes]:
    """Return everything that left the process, by the way it took."""
    spans = tmp_path / f"spans-{redact}"
    with sentry_endpoint() as endpoint, mailbox() as box:
        env = {
            "SENTRY_DSN": endpoint.dsn,
            "CANARY_REDACT": redact,
            "CANARY_SPANS": str(spans),
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
            "WSGI_OBSERVE_REDACT": redact,
            "WSGI_OBSERVE_MAIL_TO": "ops@example.com",
            "WSGI_OBSERVE_MAIL_HOST": f"127.0.0.1:{box.port}",
        }
        command = [
            *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "1"),
            *("--logger-class", "wsgi_observe.gunicorn.Logger", "tests.canary_tracked:make_app()"),
        ]
        with running(*command, cwd=ROOT, env=env) as server:
            responses = fail_with_everything(server)
            # Of each of the two requests: itself, and its thread.
            endpoint.wait_for_events(4)
            # Those two and their other ones, and two links.
            eventually(lambda: len(endpoint.of("transaction")) == 6)
            eventually(lambda: len(box.envelopes) == 4)
        assert len(endpoint.events) == 4
        assert endpoint.of("log") or "enable_logs" not in DEFAULT_OPTIONS
        return {
            "responses": responses,
            "log": log_of(server),
            "sentry": endpoint.raw,
            "spans": spans.read_bytes(),
            "mail": "\n".join(box.texts + [mail["Subject"] for mail in box.mails]).encode(),
            "mail as it was sent": box.raw,
        }


@pytest.mark.slow
def test_without_redaction_each_of_them_is_found(tmp_path: Path) -> None:
    found = outputs(tmp_path, "off")
    assert seen(found) == {canary.id for canary in CANARIES}
    for output, places in TRACKED.items():
        told = {one.partition(":")[0] for one in seen({output: found[output]})}
        assert places <= told, output


def test_none_of_them_leaves(tmp_path: Path) -> None:
    assert leaks(outputs(tmp_path, "on")) == []
