"""The rules that a reader relies on: who imports whom, no cycles, how large a file is."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import wsgi_observe

PACKAGE = Path(wsgi_observe.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# From the bottom up. A file imports what is listed before it, and from its own package.
LAYERS = (
    *("field_names", "ids", "context", "trace_context", "allowed_hosts", "validators", "_loggers"),
    *("wsgi.exceptions", "_safely", "wsgi"),
    *("threads", "jobs", "redaction"),
    *("user", "totals", "errors", "settings"),
    *("_shared_memory", "metrics.events", "health", "logs", "queries", "scoreboard"),
    *("outgoing", "metrics"),
    "middleware",
    *("stack", "problems"),
    "__init__",
)
PEERS = {"middleware"}  # whose files do not import each other
INTEGRATIONS = {
    *("flask", "gunicorn", "opentelemetry", "prometheus", "redis", "sentry", "sqlalchemy"),
    *("requests", "httpx", "urllib3", "celery", "rq", "django"),
}
READERS = {"logreader"}  # of what the library has written: no app loads them
PROGRAMS = {"cli", "demo", "doctor", "__main__"}

THIRD_PARTIES = {
    "logs": {"orjson", "pythonjsonlogger"},
    "logreader": {"orjson"},
    "cli": {"flask", "gunicorn", "rich", "sqlalchemy"},
    "demo": {"celery", "flask", "httpx", "kombu", "sqlalchemy"},
    "doctor": {  # of these it imports what the app has imported
        *("bottle", "django", "falcon", "flask", "gunicorn", "jinja2", "marshmallow", "pydantic"),
        *("pyramid", "sentry_sdk", "sqlalchemy", "werkzeug", "yaml"),
    },
    **{name: {name} for name in INTEGRATIONS},
    "flask": {"flask", "werkzeug"},
    "celery": {"billiard", "celery"},  # the former is the latter's `multiprocessing`
    "prometheus": {"prometheus_client"},
    "sentry": {"sentry_sdk"},
    "requests": {"requests", "urllib3"},
}
READS_THE_ENVIRONMENT = INTEGRATIONS | {
    "cli",
    "demo",
    "doctor",
}  # it has a configuration of Gunicorn's


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """Return a module's name within the package: `wsgi.exchange`, `logs`, `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it: in functions, for types alone."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                is_module = _own_name(f"{node.module}.{alias.name}") in MODULES
                yield f"{node.module}.{alias.name}" if is_module else node.module or ""


def own_imports_of(path: Path) -> set[str]:
    imported = {_own_name(name) for name in imports_of(path)} - {None, name_of(path)}
    return {name for name in imported if name}


def _own_name(module: str) -> str | None:
    top, _, rest = module.partition(".")
    return (rest or "__init__") if top == "wsgi_observe" else None


def layer_of(module: str) -> str:
    """Return the entry of `LAYERS` that a module belongs to, or else its top-level name."""
    return module if module in LAYERS else module.partition(".")[0]


def test_imports_point_down() -> None:
    assert [
        f"{here} imports {there}"
        for here, path in MODULES.items()
        for there in sorted(own_imports_of(path))
        if not _may_import(here, there)
    ] == []


def _may_import(here: str, there: str) -> bool:
    mine, its = layer_of(here), layer_of(there)
    if mine == its:
        return mine not in PEERS
    if mine in PROGRAMS:
        return True
    if its not in LAYERS:
        return False  # nothing imports an integration or a reader
    return mine in INTEGRATIONS | READERS or its in LAYERS[: LAYERS.index(mine)]


def test_each_module_has_its_layer() -> None:
    known = {*LAYERS, *INTEGRATIONS, *READERS, *PROGRAMS}
    assert {name for name in MODULES if layer_of(name) not in known} == set()
    assert {name for name in LAYERS if name not in MODULES} == set()


def test_no_imports_go_in_a_circle() -> None:
    graph = {name: own_imports_of(path) for name, path in MODULES.items()}
    assert cycles(graph) == []


def test_a_circle_of_imports_is_noticed() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set[str]()}
    assert cycles(graph) == [{"b", "c"}]


def cycles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the strongly connected components of more than one module."""
    reach = {name: _reachable(graph, name) for name in graph}
    components = {
        frozenset(there for there in reach[here] if here in reach[there]) for here in graph
    }
    return [set(component) for component in components if component]


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen = set[str]()
    ahead = [start]
    while ahead:
        for name in graph[ahead.pop()] - seen:
            seen.add(name)
            ahead.append(name)
    return seen


def test_only_integrations_import_a_third_party() -> None:
    known = {*sys.stdlib_module_names, "wsgi_observe"}
    assert [
        f"{here} imports {name}"
        for here, path in MODULES.items()
        for name in imports_of(path)
        if name.partition(".")[0] not in known | THIRD_PARTIES.get(here.partition(".")[0], set())
    ] == []


def test_one_module_encodes_with_orjson_and_one_decodes() -> None:
    names = [here for here, path in MODULES.items() if "orjson" in imports_of(path)]
    assert names == ["logreader.json_text", "logs.formatters.orjson_encoder"]


def test_the_environment_is_read_only_in_integrations_and_the_command() -> None:
    assert [
        f"{here} reads {node.attr}"
        for here, path in MODULES.items()
        if here.partition(".")[0] not in READS_THE_ENVIRONMENT
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    ] == []


def test_a_file_has_a_docstring_and_at_most_four_hundred_lines() -> None:
    assert [name for name, path in MODULES.items() if not ast.get_docstring(parsed(path))] == []
    lines = {name: path.read_text("utf-8").count("\n") for name, path in MODULES.items()}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_no_function_is_longer_than_forty_lines() -> None:
    assert [
        f"{name}: {node.name}"
        for name, path in MODULES.items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= 40
    ] == []


def test_no_logger_of_ours_can_be_disabled_by_a_configuration() -> None:
    assert [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        if not name.startswith("demo")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger"
        if any("wsgi_observe" in ast.unparse(argument) for argument in node.args)
    ] == []


def test_there_is_one_context_variable() -> None:
    assert [
        name
        for name, path in MODULES.items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ContextVar"
    ] == ["context"]


def test_the_root_names_are_sorted_and_exist() -> None:
    assert wsgi_observe.__all__ == sorted(wsgi_observe.__all__)
    assert all(hasattr(wsgi_observe, name) for name in wsgi_observe.__all__)
