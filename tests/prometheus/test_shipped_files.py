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
from tests.gunicorn.scraping import Scraped, counting
from tests.prometheus.serving import value
from tests.servers.gunicorn import connected, read_all
from tests.servers.postgres import free_port
from tests.support import Server, eventually, running, send, start

SHIPPED = ROOT / "docs" / "prometheus"
RULES, DASHBOARD = SHIPPED / "rules.yml", SHIPPED / "dashboard.json"
VARIABLES = ("job", "instance", "route")
INTERVAL = "$__rate_interval"

needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="there is no Prometheus here (apt-get install prometheus)",
)


def panels() -> list[Any]:
    """The dashboard's panels that show something."""
    found: list[Any] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions(interval: str = "1m") -> dict[str, str]:
    """The queries of the dashboard's panels, with a value for each of its variables."""
    found = {}
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"].replace(INTERVAL, interval)
            for variable in VARIABLES:
                text = text.replace(f"${variable}", ".+")
            found[f"{panel['title']} {target['refId']}"] = text
    return found


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\b(?:http_server|wsgi_observe)_\w+", text))


def variables() -> list[tuple[str, dict[str, str]]]:
    """The label of each variable of the dashboard, and of which series it has the values."""
    found = []
    for one in json.loads(DASHBOARD.read_text())["templating"]["list"][1:]:
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"])
        assert match
        found.append((match[2], {"match[]": match[1].replace("$job", ".+")}))
    return found


UNITS = {"reqps", "percentunit", "s", "Bps", "short"}
SELECTOR = re.compile(r"\b(?:http_server|wsgi_observe)_\w+(\{[^}]*\})?")


class TestTheDashboardKeepsTheRulesOfGrafanasLinter:
    """github.com/grafana/dashboard-linter, but that ours may be edited."""

    def test_for_variables(self) -> None:
        source, *others = json.loads(DASHBOARD.read_text())["templating"]["list"]
        assert (source["name"], source["type"]) == ("datasource", "datasource")
        assert source["label"] == "Data source"
        assert tuple(one["name"] for one in others) == VARIABLES
        for one in others:
            assert one["label"] == one["name"].title()
            assert one["datasource"]["uid"] == "${datasource}"
            assert one["query"]["query"].startswith("label_values(")
            assert (one["type"], one["multi"], one["allValue"]) == ("query", True, ".+")
            assert one["refresh"] == 2  # on a change of the time range

    @pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
    def test_for_a_panel(self, panel: Any) -> None:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"]
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}

    @pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
    def test_for_a_query(self, panel: Any) -> None:
        for target in panel["targets"]:
            selectors = [match[1] for match in SELECTOR.finditer(target["expr"])]
            assert selectors
            for one in selectors:
                assert 'job=~"$job"' in one
                assert 'instance=~"$instance"' in one
            assert set(re.findall(r"\[(.*?)\]", target["expr"])) <= {INTERVAL}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    every = json.loads(DASHBOARD.read_text())["panels"]
    boxes = [panel["gridPos"] for panel in every]
    cells = [
        (x, y)
        for box in boxes
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in every}) == len(every)


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
    texts = expressions().values()
    rules = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(texts)]
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
    names = set(client.ask("label/__name__/values"))
    wanted = metric_names(" ".join(expressions().values())) | metric_names(
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


@pytest.mark.slow
@needs_prometheus
def test_every_panel_shows_what_has_happened_the_first_of_each_kind_too(tmp_path: Path) -> None:
    checks = "db=tests.gunicorn.counted:passes,queue=tests.gunicorn.counted:fails"
    settings = {"slow_request_seconds": "0.2", "log_wait": "0", "checks": checks}
    with counting(**settings) as scraped, prometheus(tmp_path, scraped.port) as client:
        scraped.server.get("/fail")  # a rate begins with the second of its kind
        _answer_requests(scraped, 8)
        _have_everything_happen(scraped)
        with scraped.server.unread():
            while not value(scraped.scrape(), "wsgi_observe_buffered_log_lines"):
                scraped.server.get("/fail")
            _answer_requests(scraped, 3)
            shown = {name: client.query(text) for name, text in expressions("6s").items()}
        choices = [client.ask(f"label/{label}/values", **match) for label, match in variables()]
    assert [len(one) > 0 for one in choices] == [True] * len(VARIABLES)
    assert [name for name, values in shown.items() if not values] == []
    happened = (
        *("Requests that died, by cause A", "Slow and rejected requests A"),
        *("Slow and rejected requests B", "Log lines lost and buffered A"),
        *("Log lines lost and buffered B", "Processes whose log stream is blocked A"),
        *("Readiness checks that fail A", "Error ratio by route A", "Workers A"),
    )
    assert [name for name in happened if not max(shown[name]) > 0] == []
    assert shown["Requests that died, by cause A"].count(1.0) == 1


def _answer_requests(scraped: Scraped, seconds: int) -> None:
    """Have requests answered over so many scrapes."""
    for _ in range(seconds * 5):
        scraped.server.get("/ok/x")
        time.sleep(0.2)


def _have_everything_happen(scraped: Scraped) -> None:
    server = scraped.server
    for path in ("/ready", "/nowhere", "/sleep/0.5", "/fail"):
        server.get(path)
    with suppress(OSError, http.client.HTTPException):
        server.get("/die")
    with connected(server) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert read_all(client)


def _rule_states(client: Prometheus) -> set[str]:
    groups = client.ask("rules")["groups"]
    return {rule["health"] for group in groups for rule in group["rules"]}
