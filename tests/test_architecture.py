"""The house rules that a reader relies on: who imports whom, how large a room is."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import wsgi_observe

PACKAGE = Path(wsgi_observe.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# From the bottom up. A file imports what stands lower, and what shares its own floor only where
# that is one room: middlewares and doors are strangers to each other.
FLOORS = ("core", "settings", "health", "logs", "inflight", "middleware", "stack", "__init__")
ROOMS = {"core", "health", "logs", "inflight", "cli", "demo", "flask", "gunicorn", "sentry"}
DOORS = {"flask", "gunicorn", "sqlalchemy", "redis", "sentry", "opentelemetry"}
HOUSES_OF_THEIR_OWN = {"cli", "demo", "__main__"}

THIRD_PARTIES = {
    "logs": {"orjson", "pythonjsonlogger"},
    "cli": {"flask", "gunicorn", "sqlalchemy"},
    "demo": {"flask", "sqlalchemy"},
    **{door: {door} for door in DOORS},
    "flask": {"flask", "werkzeug"},
    "sentry": {"sentry_sdk"},
}
READS_THE_ENVIRONMENT = DOORS | {"cli"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_imports_point_down_and_inward() -> None:
    assert [
        f"{name_of(path)} imports {name}"
        for path in FILES
        for name in imports_of(parsed(path))
        if name.split(".")[0] == "wsgi_observe"
        if not _may_import(room_of(path), [*name.split("."), "__init__"][1])
    ] == []


def _may_import(here: str, there: str) -> bool:
    if here == there:
        return here in ROOMS
    if here in HOUSES_OF_THEIR_OWN:
        return True
    if there not in FLOORS:
        return False  # nobody imports a door
    return here in DOORS or FLOORS.index(there) < FLOORS.index(here)


def test_only_doors_import_a_third_party() -> None:
    known = {*sys.stdlib_module_names, "wsgi_observe", "_typeshed"}
    assert [
        f"{name_of(path)} imports {name}"
        for path in FILES
        for name in imports_of(parsed(path))
        if name.split(".")[0] not in known | THIRD_PARTIES.get(room_of(path), set())
    ] == []


def test_the_environment_is_read_only_in_doors_and_the_command() -> None:
    assert [
        f"{name_of(path)} reads {node.attr}"
        for path in FILES
        if room_of(path) not in READS_THE_ENVIRONMENT
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    ] == []


def test_a_file_says_its_one_job_and_is_short() -> None:
    assert [name_of(path) for path in FILES if not ast.get_docstring(parsed(path))] == []
    long = [path for path in FILES if path.read_text(encoding="utf-8").count("\n") > 400]
    assert [name_of(path) for path in long] == []


def test_no_function_is_longer_than_forty_lines() -> None:
    assert [
        f"{name_of(path)}: {node.name}"
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 40
    ] == []


def test_no_logger_of_ours_can_be_disabled_by_a_configuration() -> None:
    assert [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        if room_of(path) != "demo"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger"
        if any("wsgi_observe" in ast.unparse(argument) for argument in node.args)
    ] == []


def test_there_is_one_context_variable() -> None:
    makers = [
        path.name
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ContextVar"
    ]
    assert makers == ["context.py"]


def test_the_root_names_are_sorted_and_few() -> None:
    assert wsgi_observe.__all__ == sorted(wsgi_observe.__all__)
    assert len(wsgi_observe.__all__) <= 15
    assert all(hasattr(wsgi_observe, name) for name in wsgi_observe.__all__)
