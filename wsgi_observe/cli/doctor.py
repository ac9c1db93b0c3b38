"""The subcommand ``doctor``: tries whether an app is observable, in twelve questions."""

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.formatting import to_printable
from wsgi_observe.cli.log_files import make_console, print_json
from wsgi_observe.doctor.answer import Answer
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.process import DoctorError, Examination, examine
from wsgi_observe.doctor.questions import QUESTIONS
from wsgi_observe.doctor.report import Report, format_annotations

_GUNICORN_CONFIG = "gunicorn.conf.py"
HELP = "ask twelve questions about an app: is it observable?"
DESCRIPTION = """\
Load an app in a process of its own, cause failures in it, and print which of twelve questions it
passes, with what was seen and how to mend it. The app may use this library or not; --observed
shows what `gunicorn --logger-class wsgi_observe.gunicorn.Logger` makes of it. Of the app's own
routes only the probes are called, and it gets no network unless --ready is given.
Exit code: 0 if no question is failed, 1 if any is, 2 if the app cannot be loaded, or hangs.

examples:
  wsgi-observe doctor shop:app
  wsgi-observe doctor --observed 'shop:create_app()'
  wsgi-observe doctor -c gunicorn.conf.py --deployment .
  wsgi-observe doctor --only 3,9 --github shop:app
  wsgi-observe doctor --explain 3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument(
        "app", nargs="?", default="", metavar="APP", help="module:app, or 'module:create_app()'"
    )
    parser.add_argument("-c", "--config", default="", help="the app's configuration of Gunicorn")
    parser.add_argument(
        "--observed",
        action="store_true",
        help="wrap the app as the Gunicorn logger class does, and show what that changes",
    )
    parser.add_argument(
        "--deployment",
        metavar="DIR",
        help="look also at Dockerfiles, manifests and units in this directory",
    )
    _add_limits(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one line of JSON")
    output.add_argument(
        "--github", action="store_true", help="print annotations for GitHub Actions"
    )
    output.add_argument(
        "--explain", type=_parse_number, metavar="N", help="print a question's page"
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", type=_parse_numbers, metavar="N,…", help="questions to ask")
    parser.add_argument(
        "--skip", type=_parse_numbers, metavar="N,…", default=(), help="and not to ask"
    )
    parser.add_argument(
        "--ready",
        action="store_true",
        help="allow the app connections, and run its readiness checks",
    )
    parser.add_argument("--live-path", default="", metavar="PATH", help="of the liveness probe")
    parser.add_argument("--ready-path", default="", metavar="PATH", help="of the readiness probe")
    parser.add_argument(
        "--timeout",
        type=_parse_timeout,
        default=60.0,
        metavar="SECONDS",
        help="time for all questions (default: 60)",
    )


def run(args: argparse.Namespace) -> int:
    """Ask the questions, and print the answers."""
    if args.explain is not None:
        return _explain(args.explain)
    if not (args.app or args.config or args.deployment):
        raise CommandError("name the app, such as shop:app", exit_code=2)
    if args.json or args.github:
        report = _make_report(args, lambda number: None)
    else:
        console = make_console()
        # Only now: it imports rich.
        from wsgi_observe.cli.doctor_text import AnswersPrinter

        with _show_progress() as progress:
            report = _make_report(args, progress)
        AnswersPrinter(console).print(report)
    if args.json:
        print_json(report.to_dict())
    elif args.github:
        for line in format_annotations(report.answers, _find_repository()):
            print(to_printable(line))
    if report.problem:
        raise _make_error(report.problem, exit_code=1 if report.has_failed else 2)
    return 1 if report.has_failed else 0


def _make_error(text: str, exit_code: int) -> CommandError:
    """Return an error that may have several lines, some of them the app's."""
    return CommandError("\n".join(map(to_printable, text.splitlines())), exit_code)


def _find_repository() -> Path:
    """Return the root of the repository, or else the current directory."""
    here = Path.cwd()
    root = next((one for one in (here, *here.parents) if (one / ".git").exists()), here)
    return Path(os.environ.get("GITHUB_WORKSPACE") or root).resolve()


def _make_report(args: argparse.Namespace, progress: Callable[[int], None]) -> Report:
    def is_chosen(number: int) -> bool:
        return (args.only is None or number in args.only) and number not in args.skip

    if args.observed and not args.config and Path(_GUNICORN_CONFIG).is_file():
        args.config = _GUNICORN_CONFIG  # Gunicorn reads it without an option, too
    options = Options(
        target=args.app,
        config=args.config,
        is_observed=args.observed,
        numbers=tuple(one.number for one in QUESTIONS if is_chosen(one.number)),
        allows_network=args.ready,
        live_path=args.live_path,
        ready_path=args.ready_path,
        timeout=args.timeout,
    )
    before, after = Examination(), Examination()
    if args.app or args.config:
        try:
            with _end_by_signals():
                if args.observed:
                    before = examine(replace(options, is_observed=False), progress)
                after = examine(options, progress)
        except DoctorError as error:
            raise _make_error(str(error), exit_code=2) from error
    name = args.app or str((after.gunicorn or {}).get("wsgi_app") or "")
    stock = before if args.observed else after  # its settings are those of the deployment
    deployment = _check_deployment(args.deployment, stock) if args.deployment else []
    deployment = [answer for answer in deployment if is_chosen(answer.number)]
    if not (after.answers or deployment):
        reason = "no question is left to ask; those from 13 on need --deployment DIR"
        raise CommandError(reason, exit_code=2)
    return Report(
        app=name,
        questions=after.answers,
        before=before.answers,
        problem=after.problem,
        unread_config=_find_unread_config(args),
        deployment=deployment,
    )


def _find_unread_config(args: argparse.Namespace) -> str:
    """Return the file that Gunicorn reads without an option, unless it was asked about."""
    is_asked = args.config or not args.app
    return "" if is_asked or not Path(_GUNICORN_CONFIG).is_file() else _GUNICORN_CONFIG


def _check_deployment(folder: str, known: Examination) -> list[Answer]:
    from wsgi_observe.doctor.deployment import GunicornFacts, check_deployment

    if not Path(folder).is_dir():
        raise CommandError(f"there is no directory {folder}", exit_code=2)
    facts = GunicornFacts(known.gunicorn or {}, known.max_check_timeout)
    return [_place(answer, Path(folder)) for answer in check_deployment(Path(folder), facts)]


def _place(answer: Answer, folder: Path) -> Answer:
    """Return an answer whose places are relative to the current directory, not to a folder."""
    faults = [
        replace(fault, where=str(folder / fault.where))
        if fault.where and (folder / re.sub(r":\d+$", "", fault.where)).exists()
        else fault
        for fault in answer.faults
    ]
    return replace(answer, faults=tuple(faults))


@contextmanager
def _end_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise within the block, as Ctrl-C does, to end the app's process."""

    def stop(signum: int, frame: object) -> None:
        sys.exit(128 + signum)

    before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def _show_progress() -> Iterator[Callable[[int], None]]:
    """Show on a terminal which question is asked."""
    if not sys.stderr.isatty():
        yield lambda number: None
        return
    names = {question.number: question.name for question in QUESTIONS}
    with make_console(stderr=True).status("loading the app") as status:
        yield lambda number: status.update(f"{number}. {names[number]}")


def _explain(number: int) -> int:
    text = _find_page(number).read_text(encoding="utf-8")
    if sys.stdout.isatty():
        console = make_console()
        from rich.markdown import Markdown

        console.print(Markdown(text))
    else:
        print(text, end="")
    return 0


def _parse_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(_parse_number, text.split(",")))


def _parse_number(text: str) -> int:
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"must be numbers of questions such as 3,9, not {text}")
    number = int(text)
    if not _find_page(number).is_file():
        raise argparse.ArgumentTypeError(f"there is no question {number}")
    return number


def _find_page(number: int) -> Traversable:
    return files("wsgi_observe.doctor") / "pages" / f"{number}.md"


def _parse_timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be from 1 to 3600 seconds, not {text}")
    return seconds
