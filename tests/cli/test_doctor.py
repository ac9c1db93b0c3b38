"""The subcommand ``doctor``: its output in each form, its exit codes, and its end."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import COMMAND
from tests.support import eventually
from wsgi_observe.cli import main
from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.report import format_annotations

FLASK = """
from flask import Flask
app = Flask(__name__)
@app.errorhandler(404)
def missing(error):
    return {"code": 404}
"""
FAULT = """\
 ✗  3  error handlers return their status
       shop.py:4
       404 (NotFound) is answered with 200
         return the status too; without one Flask sends 200:
         return jsonify(...), 404
"""
PLAIN = """
def app(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "application/json")])
    return [b"{}"]
"""
HANGING = """
import subprocess, time
from pathlib import Path
Path("pid").write_text(str(subprocess.Popen(["sleep", "300"]).pid))
time.sleep(300)
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Write an app, run the command, and return its exit code and output."""

    def run_command(source: str, *args: str) -> tuple[int, str, str]:
        (folder / "shop.py").write_text(source, encoding="utf-8")
        try:
            code = main(["doctor", *args])
        except SystemExit as error:  # of the parser
            code = int(str(error.code))
        return code, *capfd.readouterr()

    return run_command


def test_each_question_is_a_line_with_its_faults_below(run: Run) -> None:
    code, printed, _ = run(FLASK, "shop:app", "--only", "2,3,10,12", "--skip", "12,10")
    passed = " ✓  2  DEBUG, debugger and reloader are off: none of them is on\n"
    score = "\n1 of 2 passed\nMore about one: wsgi-observe doctor --explain 3\n"
    assert printed == passed + FAULT + score
    assert code == 1


@pytest.mark.slow
def test_the_json_form_has_score_and_questions(run: Run) -> None:
    code, printed, _ = run(FLASK, "shop:app", "--only", "2,3", "--json")
    fault = {
        "seen": "404 (NotFound) is answered with 200",
        "remedy": "return the status too; without one Flask sends 200:\nreturn jsonify(...), 404",
        "where": "shop.py:4",
    }
    failed = {"number": 3, "name": "error handlers return their status", "result": "fail"}
    passed = {"number": 2, "name": "DEBUG, debugger and reloader are off", "result": "pass"}
    nothing = {"seen": "none of them is on", "remedy": "", "where": None, "faults": []}
    assert json.loads(printed) == {
        "app": "shop:app",
        "score": {"passed": 1, "of": 2},
        "questions": [{**passed, **nothing}, {**failed, **fault, "faults": [fault]}],
        "deployment": [],
    }
    assert code == 1


@pytest.mark.slow
def test_annotations_are_at_paths_of_the_repository(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".git").mkdir()
    (folder / "backend").mkdir()
    monkeypatch.chdir(folder / "backend")
    (folder / "backend" / "shop.py").write_text(FLASK, encoding="utf-8")
    _, printed, _ = run("", "shop:app", "--only", "3", "--github")
    assert printed.startswith("::error file=backend/shop.py,line=4,title=doctor 3%3A error")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "backend"))
    _, printed, _ = run("", "shop:app", "--only", "3", "--github")
    assert printed.startswith("::error file=shop.py,line=4,")


def test_annotations_escape_what_the_runner_reads(tmp_path: Path) -> None:
    faults = (
        Fault("100 % lost", "a\nb", "a,b:c.py:7"),
        Fault("a::b", "c", "Dockerfile", is_warning=True),
        Fault("no place", "c"),
    )
    title = "title=doctor 3%3A one%2C two"
    assert list(format_annotations([Answer(3, "one, two", faults)], tmp_path)) == [
        f"::error file=a%2Cb%3Ac.py,line=7,{title}::100 %25 lost%0Aa%0Ab",
        f"::warning file=Dockerfile,{title}::a::b%0Ac",
        f"::error {title}::no place%0Ac",
    ]


USAGE = {
    "no app": ([], "name the app, such as shop:app"),
    "nothing left": (["shop:app", "--only", "3", "--skip", "3"], "no question is left to ask"),
    "no directory": (["--deployment", "nothing"], "there is no directory nothing"),
    "no question": (["shop:app", "--only", "3,99"], "there is no question 99"),
    "no number": (["shop:app", "--skip", "three"], "must be numbers of questions such as 3,9"),
    "no page": (["--explain", "77"], "there is no question 77"),
    "no time": (["shop:app", "--timeout", "0"], "must be from 1 to 3600 seconds, not 0"),
    "no module": (["nothing:app"], "there is no module nothing in "),
    "a file": (["./shop.py:app"], "shop.py is a file; name the module, in ./: shop:app"),
    "a path": (["web/shop:app"], "web/shop is a file; name the module, in web/: shop:app"),
    "a variable": (["shop:app"], "KeyError: 'SECRET_KEY'"),
    "no config": (["-c", "nothing.py"], "'nothing.py' doesn't exist"),
}
STARTED = {"nothing left", "no module", "a path", "a variable", "no config"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in STARTED else []) for name in USAGE],
)
def test_what_cannot_be_asked_has_exit_code_2_and_a_reason(run: Run, name: str) -> None:
    args, reason = USAGE[name]
    source = "import os\nSECRET_KEY = os.environ['SECRET_KEY']\n" if name == "a variable" else PLAIN
    code, printed, error = run(source, *args)
    assert (code, printed) == (2, "")
    assert reason in error
    # Of a traceback, only the app's own part.
    assert "loading.py" not in error


@pytest.mark.slow
def test_an_app_that_prints_leaves_the_output_of_the_command_alone(run: Run) -> None:
    code, printed, error = run(f"print('starting')\n{PLAIN}", "shop:app", "--only", "1", "--json")
    assert json.loads(printed)["score"] == {"passed": 1, "of": 1}
    assert (code, error) == (0, "")


@pytest.mark.slow
def test_where_a_load_hangs_and_what_it_printed_are_shown(run: Run) -> None:
    source = "print('waiting', flush=True)\nimport time\ntime.sleep(300)\n"
    code, _, error = run(source, "shop:app", "--timeout", "1")
    assert code == 2
    assert "not loaded within 1 s (--timeout); its output:\nwaiting\n" in error
    assert f'File "{Path.cwd()}/shop.py", line 3 in <module>' in error


@pytest.mark.slow
def test_an_app_that_hangs_in_a_question_is_no_success(run: Run) -> None:
    source = f"{PLAIN.replace('start_response(', 'import time; time.sleep(300); start_response(')}"
    code, printed, error = run(source, "shop:app", "--timeout", "2", "--only", "1,2")
    assert "1  every error is JSON: no answer within 2 s (--timeout)" in printed
    assert "2  DEBUG, debugger and reloader are off: not asked: in 1, no answer" in printed
    assert error.startswith("wsgi-observe doctor: question 1: no answer within 2 s (--timeout)")
    assert f'File "{Path.cwd()}/shop.py", line 3 in app' in error
    assert code == 2


def test_a_page_is_printed_by_its_number(run: Run) -> None:
    code, printed, _ = run("", "--explain", "3")
    assert printed.startswith("# 3. Error handlers return their status\n")
    assert code == 0


def test_a_deployment_is_looked_at_without_an_app(run: Run, folder: Path) -> None:
    (folder / "deploy").mkdir()
    docker = "FROM python:3.13\nCMD gunicorn shop:app\n"
    (folder / "deploy" / "Dockerfile").write_text(docker, encoding="utf-8")
    code, printed, _ = run("", "--deployment", "deploy", "--only", "18", "--json")
    report = json.loads(printed)
    assert [one["number"] for one in report["deployment"]] == [18]
    assert report["deployment"][0]["where"] == "deploy/Dockerfile:2"
    assert report["questions"] == []
    assert code == 1


@pytest.mark.slow
def test_observed_shows_what_is_without_and_what_is_with(run: Run) -> None:
    code, printed, _ = run(FLASK, "shop:app", "--observed", "--only", "2,3,9")
    marks = re.findall(r"^ (. → .) +(\d+)", printed, re.MULTILINE)
    assert marks == [("✓ → ✓", "2"), ("✗ → ✗", "3"), ("✗ → ✓", "9")]
    assert "\n2 of 3 passed when it is observed, 1 of 3 without\n" in printed
    assert code == 1
    _, printed, _ = run(FLASK, "shop:app", "--observed", "--only", "2,3,9", "--json")
    report = json.loads(printed)
    assert report["score"] == {"passed": 2, "of": 3}
    assert report["score_before"] == {"passed": 1, "of": 3}


@pytest.mark.slow
def test_gunicorns_own_configuration_is_read_for_observed_and_named_otherwise(
    run: Run, folder: Path
) -> None:
    (folder / "gunicorn.conf.py").write_text("reload = True\n")
    _, printed, _ = run(FLASK, "shop:app", "--only", "2")
    hint = "gunicorn.conf.py was not read: -c gunicorn.conf.py asks about it, too"
    assert printed.splitlines()[-1] == hint
    code, printed, _ = run(FLASK, "shop:app", "--only", "2", "--observed")
    assert code == 1
    assert "gunicorn.conf.py:1" in printed
    assert hint not in printed


@pytest.mark.slow
def test_an_app_is_asked_about_where_neither_flask_nor_its_worker_is_installed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("werkzeug", "flask", "gevent"):
        (folder / f"{name}.py").write_text("raise ImportError", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    (folder / "shop.py").write_text(PLAIN, encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "doctor", "shop:app", "--json"], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["questions"][0]["result"] == "pass", done.stderr
    (folder / "config.py").write_text("worker_class = 'gevent'", encoding="utf-8")
    code, _, error = run(PLAIN, "-c", "python:config", "shop:app", "--only", "1,2")
    assert (code, error) == (0, "")


@pytest.mark.slow
def test_a_narrow_terminal_wraps_texts_but_no_code(folder: Path) -> None:
    (folder / "shop.py").write_text(FLASK, encoding="utf-8")
    command = [*COMMAND, "doctor", "shop:app", "--only", "2,3"]
    code = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        env=os.environ | {"COLUMNS": "40", "NO_COLOR": "1", "TERM": "xterm"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line.rstrip() for line in done.stdout.rpartition("\x1b[2K")[2].split("\n")]
    assert "\n".join(lines).startswith(
        " ✓  2  DEBUG, debugger and reloader are\n       off: none of them is on\n"
    )
    assert "         return the status too; without one Flask sends 200:" in lines
    assert done.returncode == 1


@pytest.mark.slow
def test_a_terminal_without_unicode_gets_ascii(folder: Path) -> None:
    (folder / "shop.py").write_text(FLASK, encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "doctor", "shop:app", "--observed", "--only", "1,2,3"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.findall(r"^ (. > .) +\d", done.stdout, re.MULTILINE) == ["x > +", "+ > +", "x > x"]
    assert "\\u" not in done.stdout


@pytest.mark.parametrize(
    ("signum", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_no_process_of_the_app_outlives_the_command(
    folder: Path, signum: signal.Signals, code: int
) -> None:
    (folder / "shop.py").write_text(HANGING, encoding="utf-8")
    with subprocess.Popen(
        [*COMMAND, "doctor", "shop:app"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        pid = eventually(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
        command.send_signal(signum)
        assert command.communicate(timeout=10) == ("", "")
    assert command.returncode == code
    eventually(lambda: not is_running(pid))


def is_running(pid: str) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
