"""The house rules that a reader relies on: who imports whom, how large a room is."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsgi_observe

PACKAGE = Path(wsgi_observe.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in FILES]

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


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_point_down_and_inward(path: Path) -> None:
    here = room_of(path)
    for name in imports_of(parsed(path)):
        if name.split(".")[0] != "wsgi_observe":
            continue
        there = [*name.split("."), "__init__"][1]
        assert _may_import(here, there), f"{here} imports {there}"


def _may_import(here: str, there: str) -> bool:
    if here == there:
        return here in ROOMS
    if here in HOUSES_OF_THEIR_OWN:
        return True
    if there not in FLOORS:
        return False  # nobody imports a door
    return here in DOORS or FLOORS.index(there) < FLOORS.index(here)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_doors_import_a_third_party(path: Path) -> None:
    allowed = THIRD_PARTIES.get(room_of(path), set())
    roots = {name.split(".")[0] for name in imports_of(parsed(path))}
    foreign = roots - set(sys.stdlib_module_names) - {"wsgi_observe", "_typeshed"}
    assert foreign <= allowed


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_environment_is_read_only_in_doors_and_the_command(path: Path) -> None:
    reads = {
        node.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert not reads or room_of(path) in READS_THE_ENVIRONMENT


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_file_says_its_one_job_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") < 250


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_function_is_longer_than_forty_lines(path: Path) -> None:
    functions = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 40] == []


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
