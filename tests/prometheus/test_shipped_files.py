"""The shipped rules and dashboard, with the real promtool and a real Prometheus that scrapes."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.docs.pages import ROOT
from tests.servers.postgres import free_port
from tests.support import Server, eventually, running, send, start

SHIPPED = ROOT / "docs" / "prometheus"
RULES, DASHBOARD = SHIPPED / "rules.yml", SHIPPED / "dashboard.json"
NOW = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*", "$route": ".*"}

needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="there is no Prometheus here (apt-get install prometheus)",
)


def expressions() -> list[str]:
    """The queries of the dashboard's panels, with a value for each of its variables."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for variable, value in NOW.items():
                text = text.replace(variable, value)
            found.append(text)
    assert found
    return found


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:http_server|wsgi_observe)_\w+", text))


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_prometheus
def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", str(RULES))


@pytest.mark.slow
@needs_prometheus
def test_each_alert_fires_and_no_other(tmp_path: Path) -> None:
    tests = Path(__file__).with_name("rules_test.yml").read_text()
    (tmp_path / "test.yml").write_text(tests.replace("RULES", str(RULES)))
    promtool("test", "rules", str(tmp_path / "test.yml"))


@pytest.mark.slow
@needs_prometheus
def test_promtool_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(expressions())]
    document = {"groups": [{"name": "dashboard", "rules": rules}]}
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump(document))
    promtool("check", "rules", str(tmp_path / "dashboard.yml"))


def test_every_alert_has_a_test() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load(Path(__file__).with_name("rules_test.yml").read_text())["tests"]
    fires = {
        one["alertname"]
        for test in tests
        for one in test.get("alert_rule_test", ())
        if one["exp_alerts"]
    }
    assert fires == alerts


@contextmanager
def demo() -> Iterator[tuple[Server, int]]:
    port = free_port()
    env = {"WSGI_OBSERVE_METRICS_PORT": str(port)}
    command = [str(Path(sys.executable).with_name("wsgi-observe")), "demo", "--port", "0"]
    with running(*command, env=env) as server:
        eventually(lambda: _is_served(server))
        yield server, port


def _is_served(server: Server) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return server.get("/health").status == 200
    return False


class Prometheus:
    """A Prometheus that scrapes one target each second."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, **params: str) -> Any:
        answer, _ = send(self._port, "GET", f"/api/v1/{path}?{urlencode(params)}", None, {})
        document = answer.json
        assert document["status"] == "success", document
        return document["data"]

    def query(self, text: str) -> list[float]:
        return [float(one["value"][1]) for one in self.ask("query", query=text)["result"]]


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
        "--enable-feature=exemplar-storage",
    ]
    process = start(command, folder, {})
    try:
        client = Prometheus(port)
        eventually(lambda: _is_up(client))
        yield client
    finally:
        process.stop()


def _is_up(client: Prometheus) -> bool:
    with suppress(OSError, AssertionError, ValueError):
        return client.query("up") == [1.0]
    return False


@pytest.mark.slow
@needs_prometheus
def test_a_prometheus_that_scrapes_the_demo_has_what_its_clients_have_counted(
    tmp_path: Path,
) -> None:
    with demo() as (server, port), prometheus(tmp_path, port) as client:
        ids = []
        for number in range(40):
            path = "/orders" if number % 4 else "/crash"
            ids.append(server.get(path).headers["X-Request-ID"])
            time.sleep(0.05)  # over several scrapes: a rate needs two
        server.get("/ready")
        count = "sum(http_server_request_duration_seconds_count)"
        eventually(lambda: client.query(count) == [40.0])
        errors = 'http_server_request_duration_seconds_count{http_response_status_code="500"}'
        assert client.query(errors) == [10.0]
        assert client.query('wsgi_observe_readiness_check_passed{critical="true"}')[0] == 1
        now = str(time.time())
        exemplars = client.ask(
            "query_exemplars",
            query="http_server_request_duration_seconds_bucket",
            start=str(time.time() - 600),
            end=now,
        )
        found = {one["labels"]["request_id"] for series in exemplars for one in series["exemplars"]}
        assert found
        assert found <= set(ids)
        _check_rules_and_dashboard(client)


def _check_rules_and_dashboard(client: Prometheus) -> None:
    eventually(lambda: _rule_states(client) == {"ok"})
    ratio = "http_route:http_server_request_errors:ratio_rate5m"
    eventually(lambda: client.query(f'{ratio}{{http_route="/crash"}}') == [1.0])
    for text in expressions():
        client.query(text)  # fails for an error
    names = set(client.ask("label/__name__/values"))
    wanted = metric_names(" ".join(expressions())) | metric_names(
        " ".join(
            rule["expr"]
            for group in yaml.safe_load(RULES.read_text())["groups"]
            for rule in group["rules"]
        )
    )
    recorded = {name for name in names if ":" in name}
    wanted -= {part for name in recorded for part in name.split(":")}
    # Nothing was buffered, and no stream was blocked: those have no series yet.
    absent = {"wsgi_observe_buffered_log_lines", "wsgi_observe_blocked_log_streams"}
    assert wanted - names <= absent


def _rule_states(client: Prometheus) -> set[str]:
    groups = client.ask("rules")["groups"]
    return {rule["health"] for group in groups for rule in group["rules"]}
