"""Settings: every setting as one value, mistakes stopped with a message that helps."""

import copy
import dataclasses
import pickle
import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe import Settings, SettingsError, configure_logging, observe
from wsgi_observe.settings import SETTINGS
from wsgi_observe.stack import MIDDLEWARE_CLASSES
from wsgi_observe.validators import FrozenDict

NAN, INF = float("nan"), float("inf")

GOOD = [
    (
        "request_id_headers",
        ["X-Correlation-ID", "traceparent"],
        ("X-Correlation-ID", "traceparent"),
    ),
    ("request_id_headers", iter(["X-A"]), ("X-A",)),
    ("trust_request_id", False, False),
    ("trust_request_id", ["10.0.0.0/8"], (ip_network("10.0.0.0/8"),)),
    ("trust_request_id", (ip_network("::1/128"),), (ip_network("::1/128"),)),
    ("trace", "always", "always"),
    ("trace", "off", "off"),
    ("propagate_to", [], ()),
    (
        "propagate_to",
        ["API.example.com.", "*.internal:8080", "::1", "[::1]:80", "10.0.0.0/8", "127.0.0.1"],
        ("api.example.com", "*.internal:8080", "[::1]", "[::1]:80", "10.0.0.0/8", "127.0.0.1"),
    ),
    ("log_calls", "debug", "debug"),
    ("log_calls", "info", "info"),
    ("error_format", "problem", "problem"),
    ("html_errors", "replace", "replace"),
    ("html_errors", "keep", "keep"),
    ("negotiate", True, True),
    ("propagate", True, True),
    ("propagate", len, len),
    ("render_error", dict, dict),
    ("live_path", "", ""),
    ("live_path", "/livez", "/livez"),
    ("ready_path", "/a/b-c", "/a/b-c"),
    ("check_timeout", 1, 1.0),
    ("check_ttl", 0, 0.0),
    ("check_ttl", 86_400, 86_400.0),
    ("check_remind", 60, 60.0),
    ("check_remind", INF, INF),
    ("expose_request_id", False, False),
    ("access_log", False, False),
    ("log_level", "debug", "DEBUG"),
    ("log_level", 30, "WARNING"),
    ("log_level", "info, a.b=warning,c=debug", "INFO,a.b=WARNING,c=DEBUG"),
    ("access_level", len, len),
    ("access_query", True, True),
    ("remote_addr", "truncated", "truncated"),
    ("remote_addr", "off", "off"),
    ("middlewares", ["access_log", "request_id"], ("access_log", "request_id")),
    ("access_fields", ["host", "referer", "request_bytes"], ("host", "referer", "request_bytes")),
    ("access_fields", [], ()),
    ("trusted_proxies", 2, 2),
    ("trusted_proxies", ["10.0.0.0/8"], (ip_network("10.0.0.0/8"),)),
    ("trusted_proxies", (ip_network("::1/128"),), (ip_network("::1/128"),)),
    ("log_color", True, True),
    ("log_wait", 1, 1.0),
    ("log_encoder", "orjson", "orjson"),
    ("debug_on_error", True, True),
    ("max_line_bytes", 65536, 65536),
    ("redact", False, False),
    ("redact_add", ["order_note", "ssn"], ("order_note", "ssn")),
    ("redact_keep", iter(["session"]), ("session",)),
    ("redact_keep", (), ()),
    ("redact_patterns", [r"EMP-\d+", "a,b"], (r"EMP-\d+", "a,b")),
    ("redact_patterns", iter(["(?i)x"]), ("(?i)x",)),
    ("redact_personal", True, True),
    ("user_key", "k" * 32, b"k" * 32),
    ("user_key", b"k" * 32, b"k" * 32),
    ("user_key", "ä" * 16, "ä".encode() * 16),
    ("user_key", "", None),
    ("mail_to", ["ops@example.com", "a.b+c@x"], ("ops@example.com", "a.b+c@x")),
    ("mail_from", "shop@example.com", "shop@example.com"),
    ("mail_host", "mail.example.com:587", "mail.example.com:587"),
    ("mail_host", "[::1]:25", "[::1]:25"),
    ("mail_tls", "starttls", "starttls"),
    ("capture_uncaught", False, False),
    ("allow_debug", True, True),
    ("checks", {"db": len, "cache": "a:ping"}, FrozenDict({"db": len, "cache": "a:ping"})),
    ("flask", True, True),
    ("sentry", True, True),
    ("drain_seconds", 20, 20.0),
    ("slow_request_seconds", 0, 0.0),
    ("slow_request_seconds", None, None),
    ("slow_query_seconds", 0, 0.0),
    ("many_queries", 0, 0),
    ("recorder_path", "/var/run/flights", "/var/run/flights"),
    ("recorder_path", Path("/var/run/flights"), "/var/run/flights"),
    ("metrics_path", "/metrics", "/metrics"),
    ("metrics_port", 9464, 9464),
    ("metrics_port", 65_535, 65_535),
    ("metrics_port", "0.0.0.0:9464", "0.0.0.0:9464"),
    ("metrics_port", "[::1]:9464", "[::1]:9464"),
    ("metrics_port", "metrics.internal:1", "metrics.internal:1"),
    ("log_stream", "wsgi.errors", "wsgi.errors"),
    ("log_stream", Path("/var/log/shop.log"), "/var/log/shop.log"),
    ("log_format", "json", "json"),
    ("log_format", "console", "console"),
    ("log_stream", "stderr", "stderr"),
    ("log_fields", {"service": "shop", "n": 1}, FrozenDict({"service": "shop", "n": 1})),
]

BAD = [
    *(
        ("request_id_headers", bad)
        for bad in ("X-Request-ID", [], ["a b"], [""], [b"X"], [1], None, ["X\n"])
    ),
    *(
        ("trust_request_id", bad)
        for bad in ("10.0.0.0/8", [], ["x"], ["10.0.0.1/8"], None, 1, [None], [[]])
    ),
    *(("trace", bad) for bad in ("on", True, None, "")),
    *(("propagate_to", bad) for bad in ("*.internal", None, True, [None], [b"a"], [""], ["*"])),
    *(
        ("propagate_to", [bad])
        for bad in (
            *("http://a", "a/b", "jane@a", "a:0", "a:x", "a:65536", "a b", "*.*.a", "a*", "-a"),
            *("bücher.example", "10.0.0.1/8", "127.1", "*.0.0.1", "[a]", "[::1", "a..b"),
        )
    ),
    *(("log_calls", bad) for bad in (True, None, "INFO", "warning")),
    *(("error_format", bad) for bad in ("Problem", "", None, b"problem", [])),
    *(("html_errors", bad) for bad in ("all", "negotiate", True, None)),
    *(("propagate", bad) for bad in (None, 1, "true", [])),
    *(("render_error", bad) for bad in ("shop:render", 1, {})),
    *(("live_path", bad) for bad in ("health", "/a b", "/a\n", None, 1, "/é", b"/health")),
    *(("ready_path", bad) for bad in ("ready", "/\x00", None)),
    *(("check_timeout", bad) for bad in (0, -1, NAN, INF, "1", None, True, 86_401, 10**400)),
    *(("check_ttl", bad) for bad in (-0.1, NAN, INF, "2", None, False, 86_401, 10**400)),
    *(("check_remind", bad) for bad in (0, -1, NAN, -INF, "2", None, True, 86_401, 10**400)),
    *(("expose_request_id", bad) for bad in (1, "*", None)),
    *(("access_log", bad) for bad in (1, 0, "yes", None)),
    *(("log_level", bad) for bad in ("LOUD", "", None, 15, True, 10.0, [])),
    *(("log_level", bad) for bad in ("INFO,", "INFO,a", "INFO,a=LOUD", "INFO,=INFO", "a=INFO")),
    *(("access_level", bad) for bad in ("INFO", 20)),
    *(("access_query", bad) for bad in (1, None, "yes")),
    *(("remote_addr", bad) for bad in ("none", None, False)),
    *(("middlewares", bad) for bad in ("request_id", None, (), ["gzip"], [None], [["errors"]])),
    *(("access_fields", bad) for bad in ("host", None, ["cookie"], [None], {"host": 1, "x": 2})),
    *(
        ("trusted_proxies", bad)
        for bad in (-1, 33, True, None, 1.0, "1", "10.0.0.0/8", [], ["x"], ["10.0.0.1/8"], [1])
    ),
    *(("log_color", bad) for bad in (1, None, "auto")),
    *(("log_wait", bad) for bad in (-1, NAN, INF, None, "1")),
    *(("debug_on_error", bad) for bad in ("yes", 1, None)),
    *(("log_encoder", bad) for bad in ("ujson", None)),
    *(("max_line_bytes", bad) for bad in (0, 1023, 2**20 + 1, 4096.0, "4096", True, None)),
    *(("redact", bad) for bad in (1, None, "yes")),
    *(("redact_add", bad) for bad in ("ssn", b"ssn", None, 1, [""], ["-_"], [b"ssn"], [None])),
    *(("redact_keep", bad) for bad in ("session", None, [1], [" "])),
    *(("redact_patterns", bad) for bad in ("x", b"x", None, 1, [b"x"], [None], [re.compile("x")])),
    *(
        ("redact_patterns", bad)
        for bad in (["("], ["a", "*"], ["a{999999999999}"], ["(?P<a>x)(?P<a>y)"])
    ),
    *(
        ("redact_patterns", bad)
        for bad in ([""], ["x*"], ["a|"], ["^$"], [r"\b"], ["(?=a)"], [r"\d{0,3}"])
    ),
    *(("redact_personal", bad) for bad in (1, None)),
    *(("user_key", bad) for bad in ("short", b"k" * 31, 7, True)),
    *(("mail_to", bad) for bad in ("ops@x", None, ["ops"], ["a@b\nBcc: c@d"], [b"a@b"], ["a b@c"])),
    *(("mail_from", bad) for bad in ("shop", None, "a@b\r\nTo: c@d", "A <a@b>")),
    *(("mail_host", bad) for bad in ("", None, "a b", "host:0", "host:70000", "host:", "a\n")),
    *(("mail_user", bad) for bad in (None, 7)),
    *(("mail_password", bad) for bad in (None, 7)),
    *(("mail_tls", bad) for bad in ("ssl", None, True)),
    *(("capture_uncaught", bad) for bad in (1, None)),
    *(("allow_debug", bad) for bad in ("yes", None)),
    *(("checks", bad) for bad in (["db"], None, "db=a:b", {"db": "a.b"}, {"db": ""}, {"db": ":b"})),
    *(("flask", bad) for bad in (1, None)),
    *(("sentry", bad) for bad in (1, "yes")),
    *(("drain_seconds", bad) for bad in (-1, NAN, INF, "20", None, 86_401)),
    *(("slow_request_seconds", bad) for bad in (-1, NAN, INF, "20", True, 86_401)),
    *(("slow_query_seconds", bad) for bad in (-1, 86401, "1", None)),
    *(("many_queries", bad) for bad in (-1, 1.5, "1", True, None)),
    *(("metrics_path", bad) for bad in ("metrics", "/a b", None, "/health", "/ready/")),
    *(("metrics_port", bad) for bad in (-1, 65_536, True, None, "9464", ":9464", "h:0", "a b:1")),
    *(("recorder_path", bad) for bad in ("flights", "/a\x00b", None, 1, b"/a")),
    *(("log_format", bad) for bad in ("JSON", "", None)),
    *(("log_stream", bad) for bad in ("stdin", "shop.log", "/a\x00b", "", None, 1, b"/a")),
    *(
        ("log_fields", bad)
        for bad in (
            {"level": 1},
            {"msg": 1},
            {"": 1},
            {1: 2},
            None,
            "a=b",
            [("a", 1)],
            {"request_id": 1},
            {"status_code": 1},
            {"host": "web-1"},
            {"part": 1},
            {"client_request_id": "a"},
        )
    ),
]

ENVIRONMENT = [
    ("REQUEST_ID_HEADERS", "X-A, traceparent", ("X-A", "traceparent")),
    ("TRUST_REQUEST_ID", "no", False),
    ("TRUST_REQUEST_ID", "TRUE", True),
    ("TRUST_REQUEST_ID", "10.0.0.0/8, ::1/128", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    ("TRACE", "always", "always"),
    ("PROPAGATE_TO", "*.internal, 10.0.0.0/8", ("*.internal", "10.0.0.0/8")),
    ("PROPAGATE_TO", "", ()),
    ("LOG_CALLS", "info", "info"),
    ("ERROR_FORMAT", "problem", "problem"),
    ("HTML_ERRORS", "keep", "keep"),
    ("NEGOTIATE", "yes", True),
    ("PROPAGATE", "on", True),
    ("PROPAGATE", "builtins:len", len),
    ("RENDER_ERROR", "os.path:join", __import__("os").path.join),
    ("LIVE_PATH", "", ""),
    ("READY_PATH", "/up", "/up"),
    ("CHECK_TIMEOUT", "0.5", 0.5),
    ("CHECK_TTL", "5", 5.0),
    ("CHECK_REMIND", "60", 60.0),
    ("CHECK_REMIND", "inf", INF),
    ("EXPOSE_REQUEST_ID", "off", False),
    ("ACCESS_LOG", "0", False),
    ("LOG_LEVEL", "warning", "WARNING"),
    ("LOG_FORMAT", "json", "json"),
    ("LOG_STREAM", "stderr", "stderr"),
    ("LOG_STREAM", "./shop.log", "./shop.log"),
    ("LOG_LEVEL", "info,a=debug", "INFO,a=DEBUG"),
    ("ACCESS_LEVEL", "builtins:len", len),
    ("ACCESS_QUERY", "yes", True),
    ("REMOTE_ADDR", "truncated", "truncated"),
    ("MIDDLEWARES", "request_id, access_log", ("request_id", "access_log")),
    ("ACCESS_FIELDS", "host,referer", ("host", "referer")),
    ("ACCESS_FIELDS", "", ()),
    ("TRUSTED_PROXIES", "1", 1),
    ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    ("LOG_COLOR", "no", False),
    ("LOG_WAIT", "1.5", 1.5),
    ("DEBUG_ON_ERROR", "1", True),
    ("LOG_ENCODER", "orjson", "orjson"),
    ("MAX_LINE_BYTES", "8192", 8192),
    ("ALLOW_DEBUG", "yes", True),
    ("REDACT", "off", False),
    ("REDACT_ADD", "ssn, order_note", ("ssn", "order_note")),
    ("REDACT_ADD", "", ()),
    ("REDACT_KEEP", "session", ("session",)),
    ("REDACT_PATTERNS", "", ()),
    ("REDACT_PATTERNS", r"[A-Z]{2},\d{1,3}", (r"[A-Z]{2},\d{1,3}",)),
    ("REDACT_PATTERNS", '["a", "b"]', ('["a", "b"]',)),
    ("REDACT_PATTERNS", "\n  EMP-\\d+\r\n\n\ta[ ]b \n", (r"EMP-\d+", "a[ ]b")),
    ("REDACT_PERSONAL", "on", True),
    ("USER_KEY", "k" * 32, b"k" * 32),
    ("MAIL_TO", "a@x, b@x", ("a@x", "b@x")),
    ("MAIL_TO", "", ()),
    ("MAIL_FROM", "shop@x", "shop@x"),
    ("MAIL_HOST", "localhost:1025", "localhost:1025"),
    ("MAIL_USER", "shop", "shop"),
    ("MAIL_PASSWORD", "hunter2", "hunter2"),
    ("MAIL_TLS", "tls", "tls"),
    (
        "CHECKS",
        "db=no.such.module:ping, cache=b:c.d",
        {"db": "no.such.module:ping", "cache": "b:c.d"},
    ),
    ("CHECKS", "", {}),
    ("FLASK", "1", True),
    ("SENTRY", "1", True),
    ("DRAIN_SECONDS", "20", 20.0),
    ("SLOW_REQUEST_SECONDS", "2.5", 2.5),
    ("SLOW_QUERY_SECONDS", "0.5", 0.5),
    ("MANY_QUERIES", "20", 20),
    ("RECORDER_PATH", "/var/run/flights", "/var/run/flights"),
    ("METRICS_PATH", "/metrics", "/metrics"),
    ("METRICS_PORT", "9464", 9464),
    ("METRICS_PORT", "[::]:9464", "[::]:9464"),
    ("CAPTURE_UNCAUGHT", "0", False),
    (
        "LOG_FIELDS",
        "service=shop, version=1.2,eq=a=b",
        {"service": "shop", "version": "1.2", "eq": "a=b"},
    ),
    ("LOG_FIELDS", "", {}),
]

BAD_ENVIRONMENT = [
    ("REQUEST_ID_HEADERS", ""),
    ("REQUEST_ID_HEADERS", "a b"),
    ("TRUST_REQUEST_ID", "maybe"),
    ("TRUST_REQUEST_ID", ""),
    ("TRACE", "on"),
    ("PROPAGATE_TO", "http://api.internal"),
    ("LOG_CALLS", "yes"),
    ("ERROR_FORMAT", "xml"),
    ("PROPAGATE", "sometimes"),
    ("RENDER_ERROR", "no.such.module:render"),
    ("RENDER_ERROR", "os.path:no_such_name"),
    ("RENDER_ERROR", ".relative:render"),
    ("RENDER_ERROR", "os"),
    ("RENDER_ERROR", "os:path"),
    ("RENDER_ERROR", ""),
    ("LIVE_PATH", "health"),
    ("CHECK_TIMEOUT", "soon"),
    ("CHECK_TIMEOUT", "nan"),
    ("CHECK_TTL", ""),
    ("EXPOSE_REQUEST_ID", "perhaps"),
    ("ACCESS_LOG", "maybe"),
    ("ACCESS_LOG", ""),
    ("LOG_LEVEL", "loud"),
    ("LOG_WAIT", "a moment"),
    ("MIDDLEWARES", ""),
    ("MIDDLEWARES", "request_id,gzip"),
    ("ACCESS_FIELDS", "cookie"),
    ("TRUSTED_PROXIES", ""),
    ("TRUSTED_PROXIES", "all"),
    ("TRUSTED_PROXIES", "-1"),
    ("MAX_LINE_BYTES", "4k"),
    ("ACCESS_LEVEL", "no.such.module:level"),
    ("REDACT", "maybe"),
    ("REDACT_ADD", "ssn,"),
    ("REDACT_PATTERNS", "a\n("),
    ("REDACT_PATTERNS", "x*"),
    ("USER_KEY", "short"),
    ("MAIL_TO", "ops"),
    ("MAIL_HOST", "host:port"),
    ("CHECKS", "shop.health:ping"),
    ("CHECKS", "db=shop.health.ping"),
    ("FLASK", "flask"),
    ("DRAIN_SECONDS", "long"),
    ("SLOW_REQUEST_SECONDS", "long"),
    ("RECORDER_PATH", "flights"),
    ("METRICS_PORT", "http"),
    ("METRICS_PORT", "70000"),
    ("LOG_FIELDS", "service"),
    ("LOG_FIELDS", "=x"),
    ("LOG_FIELDS", "level=x"),
]


@pytest.mark.parametrize(("name", "value", "kept"), GOOD)
def test_a_fit_value_is_kept_in_its_one_right_form(name: str, value, kept) -> None:
    found = getattr(Settings(**{name: value}), name)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in BAD))
def test_an_invalid_value_is_refused_with_its_setting_what_is_allowed_and_what_it_got(name) -> None:
    for value in (value for setting, value in BAD if setting == name):
        with pytest.raises(SettingsError) as raised:
            Settings(**{name: value})
        error = raised.value
        assert error.setting == name
        assert str(error) == f"{name} must be {error.allowed}, got {error.got!r}"
        assert error.allowed
        assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("name", "other", "path"),
    [("ready_path", "live_path", "/up/"), ("metrics_path", "ready_path", "/up/")],
)
def test_a_path_that_another_setting_has_is_refused(name: str, other: str, path: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be another path than {other}, got"):
        Settings(**{other: path.rstrip("/"), name: path})


def test_the_root_is_one_path_with_any_number_of_slashes() -> None:
    with pytest.raises(SettingsError, match="ready_path must be another path than live_path"):
        Settings(live_path="/", ready_path="//")


@pytest.mark.parametrize("name", ["live_path", "metrics_path"])
def test_a_path_that_is_the_root_is_not_one_that_is_off(name: str) -> None:
    assert getattr(Settings(**{"ready_path": "", name: "/"}), name) == "/"


@pytest.mark.parametrize("value", [None, 1, "10.0.0.0/8", []])
def test_a_refused_trust_is_told_everything_that_is_allowed(value) -> None:
    with pytest.raises(SettingsError, match="True, False or networks"):
        Settings(trust_request_id=value)


@pytest.mark.parametrize(("variable", "text", "kept"), ENVIRONMENT)
def test_the_environment_sets_a_field(variable: str, text: str, kept) -> None:
    settings = Settings.from_env({"WSGI_OBSERVE_" + variable: text, "PATH": "/bin"})
    assert getattr(settings, variable.lower()) == kept


@pytest.mark.parametrize(("variable", "text"), BAD_ENVIRONMENT)
def test_the_environment_is_refused_with_the_name_of_the_setting(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"(?i){variable} must be .*, got "):
        Settings.from_env({"WSGI_OBSERVE_" + variable: text})


def test_every_field_can_be_set_from_the_environment() -> None:
    assert {variable.lower() for variable, _, _ in ENVIRONMENT} == set(SETTINGS)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("WSGI_OBSERVE_LOG_LEVL", "WSGI_OBSERVE_LOG_LEVEL"),
        ("WSGI_OBSERVE_", "WSGI_OBSERVE_TRACE"),
        ("WSGI_OBSERVE_log_level", "WSGI_OBSERVE_LOG_LEVEL"),
    ],
)
def test_an_unknown_variable_is_refused(variable: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"one of .*{meant}") as raised:
        Settings.from_env({variable: "INFO"})
    assert raised.value.setting == variable


def test_other_variables_count_for_nothing() -> None:
    assert Settings.from_env({"WSGI_OBSERVER": "x", "LOG_LEVEL": "x", "": "x"}) == Settings(
        log_color=True
    )


@pytest.mark.parametrize(("value", "color"), [("1", False), ("anything", False), ("", True)])
def test_the_environment_asks_for_no_colour(value: str, color: bool) -> None:
    assert Settings.from_env({"NO_COLOR": value}).log_color is color
    assert Settings.from_env({"NO_COLOR": value, "WSGI_OBSERVE_LOG_COLOR": "on"}).log_color


@pytest.mark.parametrize(
    "mistaken",
    [
        pytest.param(lambda: Settings(log_levl="INFO"), id="Settings"),
        pytest.param(lambda: observe(lambda e, s: [], log_levl="INFO"), id="observe"),
        pytest.param(lambda: configure_logging(log_levl="INFO"), id="configure_logging"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(mistaken) -> None:
    with pytest.raises(SettingsError, match="log_level") as raised:
        mistaken()
    assert raised.value.setting == "log_levl"


def test_settings_are_named_never_positional() -> None:
    with pytest.raises(TypeError):
        Settings("INFO")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["log_level", "fields_set", "no_setting"])
def test_settings_are_frozen(name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Settings(), name, "DEBUG")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(Settings(), name)


@pytest.mark.parametrize("name", ["self", "cls", "name", "label", "fields_set"])
def test_no_other_name_is_a_setting(name: str) -> None:
    values: dict[str, Any] = {name: 1}
    with pytest.raises(SettingsError, match=f"{name} must be the name of a setting, one of"):
        Settings(**values)
    with pytest.raises(SettingsError, match=f"{name} must be the name of a setting, one of"):
        Settings().replace(**values)


def test_a_container_that_changes_later_changes_no_setting() -> None:
    names, fields, checks = ["X-A"], {"service": "shop", "tags": ["a", {"b": {1}}]}, {"db": dict}
    settings = Settings(request_id_headers=names, log_fields=fields, checks=checks)
    before = repr(settings)
    names.append("X-B")
    fields["tags"].append("c")  # type: ignore[attr-defined]
    fields["tags"][1]["b"] = 2  # type: ignore[index]
    fields["service"] = "other"
    checks["cache"] = list
    assert repr(settings) == before
    assert settings.log_fields == {"service": "shop", "tags": ("a", {"b": frozenset({1})})}


CHANGES = [
    pytest.param(lambda held: held.__setitem__("x", 1), id="[x] ="),
    pytest.param(lambda held: held.__delitem__("a"), id="del"),
    pytest.param(lambda held: held.update(x=1), id="update"),
    pytest.param(lambda held: held.__ior__({"x": 1}), id="|="),
    pytest.param(lambda held: held.setdefault("x", 1), id="setdefault"),
    pytest.param(lambda held: held.pop("a"), id="pop"),
    pytest.param(lambda held: held.popitem(), id="popitem"),
    pytest.param(lambda held: held.clear(), id="clear"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_mapping_in_settings_can_be_changed(change: Any) -> None:
    settings = Settings(checks={"a": dict}, log_fields={"a": {"a": 1}})
    for held in (settings.checks, settings.log_fields, settings.log_fields["a"]):
        with pytest.raises(TypeError, match="cannot be changed"):
            change(held)
    assert settings == Settings(checks={"a": dict}, log_fields={"a": {"a": 1}})


class Called:
    """It is called, and has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: object) -> bool:
        return True


SOME: dict[str, Any] = {
    "checks": {"db": Called(), "cache": "shop:ping"},
    "log_fields": {"tags": ["a"], "thing": Called()},
    "trust_request_id": ["10.0.0.0/8"],
    "propagate": Called(),
    "access_level": Called(),
    "user_key": b"k" * 32,
    "mail_to": ["ops@example.com"],
    "redact_add": ["shoe_size"],
}


def test_equal_settings_have_one_hash() -> None:
    assert hash(Settings()) == hash(Settings(live_path="/health"))
    assert hash(Settings(**SOME)) == hash(Settings(**dict(reversed(SOME.items()))))
    assert {Settings(**SOME): 1}[Settings(**SOME)] == 1
    assert len({Settings(log_level=level) for level in ("INFO", "ERROR", "INFO")}) == 2


def test_all_that_settings_hold_is_frozen() -> None:
    kinds = {type(value) for value in vars(Settings(**SOME)).values()}
    assert not kinds & {list, dict, set, bytearray}


def test_fields_that_hold_themselves_are_refused() -> None:
    fields: dict[str, Any] = {}
    fields["self"] = fields
    with pytest.raises(SettingsError, match="log_fields"):
        Settings(log_fields=fields)


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda s: s.replace(), id="replace"),
        pytest.param(
            lambda s: copy.replace(s),  # type: ignore[attr-defined, unused-ignore]
            id="copy.replace",
            marks=pytest.mark.skipif(sys.version_info < (3, 13), reason="is of Python 3.13"),
        ),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(lambda s: pickle.loads(pickle.dumps(s)), id="pickle"),
    ],
)
def test_settings_are_a_value(copied) -> None:
    settings = Settings(trust_request_id=["10.0.0.0/8"], log_fields={"a": 1}, live_path="/health")
    assert copied(settings) == settings
    assert copied(settings).fields_set == {"trust_request_id", "log_fields", "live_path"}


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        pytest.param(Settings(), set(), id="nothing"),
        pytest.param(Settings(live_path="/health"), {"live_path"}, id="the default, by keyword"),
        pytest.param(
            Settings.from_env({"WSGI_OBSERVE_READY_PATH": "/ready", "NO_COLOR": "1"}),
            {"ready_path", "log_color"},
            id="the default, by the environment",
        ),
        pytest.param(
            Settings(live_path="/livez").replace(ready_path="/ready"),
            {"live_path", "ready_path"},
            id="by a replacement",
        ),
    ],
)
def test_settings_know_which_of_them_were_set(settings: Settings, fields: set[str]) -> None:
    assert settings.fields_set == fields


def test_settings_that_were_set_to_a_default_equal_those_that_were_not() -> None:
    assert Settings(live_path="/health") == Settings()
    assert "fields_set" not in repr(Settings())


@pytest.mark.parametrize(
    "mistake",
    [{"error_format": "xml"}, {"trust_request_id": 1}, {"check_ttl": -1}, {"eror_format": 1}],
    ids=str,
)
@pytest.mark.parametrize("middleware", MIDDLEWARE_CLASSES, ids=lambda cls: cls.__name__)
def test_a_middleware_alone_validates_its_settings(middleware, mistake: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"^{next(iter(mistake))} must be "):
        middleware(lambda e, s: [], **mistake)


def test_each_default_is_in_its_canonical_form() -> None:
    given = Settings(**{name: getattr(Settings(), name) for name in SETTINGS})
    assert given == Settings()
    for name in SETTINGS:
        assert type(getattr(given, name)) is type(getattr(Settings(), name)), name


def test_what_was_validated_is_not_validated_again() -> None:
    settings = Settings(checks={"db": dict})
    assert settings.replace() is settings


FIELDS = st.sampled_from(sorted(SETTINGS))
# Nothing that could name a module beside the standard library's own.
TEXT = st.text() | st.text("0123456789.,:/= \n\x00-truefalsn", max_size=20)


def made_of(make, *arguments) -> Settings | SettingsError:
    try:
        return make(*arguments)
    except SettingsError as error:
        return error


@given(st.dictionaries(FIELDS.map(str.upper), TEXT))
def test_any_environment_makes_settings_or_a_clear_refusal(environment: dict[str, str]) -> None:
    named = {"WSGI_OBSERVE_" + name: text for name, text in environment.items()}
    made = made_of(Settings.from_env, named)
    if isinstance(made, SettingsError):
        assert str(made).isprintable()
    else:
        assert made.replace() == made


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(FIELDS, VALUES)
def test_any_value_makes_settings_or_a_clear_refusal(name: str, value: object) -> None:
    made = made_of(lambda: Settings(**{name: value}))
    if isinstance(made, SettingsError):
        assert made.setting == name
    else:
        assert made.replace() == made


def test_no_secret_is_shown_by_the_settings_or_by_an_error() -> None:
    secrets = {"user_key": "k" * 40, "mail_password": "hunter2"}
    shown = repr(Settings(**secrets))  # type: ignore[arg-type]
    assert "kkkk" not in shown
    assert "hunter2" not in shown
    with pytest.raises(SettingsError) as raised:
        Settings(user_key="hunter2")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param({"mail_user": "shop"}, id="a user without a password"),
        pytest.param({"mail_password": "hunter2"}, id="a password without a user"),
        pytest.param(
            {"mail_user": "shop", "mail_password": "hunter2", "mail_host": "mail.example.com"},
            id="a password in the clear",
        ),
    ],
)
def test_mail_that_cannot_be_sent_as_it_is_set_stops_the_start(mail: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^mail_") as raised:
        configure_logging(mail_to=["ops@example.com"], **mail)
    assert "hunter2" not in str(raised.value)
