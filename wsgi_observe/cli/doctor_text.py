"""The answers of the doctor as text for a terminal."""

from itertools import zip_longest

from rich.table import Table
from rich.text import Text

from wsgi_observe.cli.formatting import to_printable
from wsgi_observe.cli.rich_console import LogConsole
from wsgi_observe.doctor.answer import Answer, Fault, Result
from wsgi_observe.doctor.report import Report, Score

_MARKS = {Result.PASS: "✓", Result.FAIL: "✗", Result.WARN: "!", Result.SKIP: "\N{EN DASH}"}
_ASCII_MARKS = {Result.PASS: "+", Result.FAIL: "x", Result.WARN: "!", Result.SKIP: "-"}
_STYLES = {
    Result.PASS: "green",
    Result.FAIL: "bold red",
    Result.WARN: "yellow",
    Result.SKIP: "dim",
}
_INDENT = 7


class AnswersPrinter:
    """Prints a report: a line for each question, and below it what was seen and the remedy."""

    def __init__(self, console: LogConsole) -> None:
        self._console = console
        self._marks = _MARKS if console.encoding.startswith("utf") else _ASCII_MARKS

    def print(self, report: Report) -> None:
        """Print the report."""
        before = {answer.number: answer for answer in report.before}
        for answer in report.questions:
            self._print_answer(answer, before.get(answer.number))
        if report.questions:
            self._print_score(report)
        if report.deployment:
            self._print("\nDeployment" if report.questions else "Deployment", "bold")
            for answer in report.deployment:
                self._print_answer(answer)
        if report.unread_config:
            name = report.unread_config
            self._print(f"{name} was not read: -c {name} asks about it, too", "dim")
        faulty = [answer.number for answer in report.answers if answer.faults]
        if faulty:
            self._print(f"More about one: wsgi-observe doctor --explain {faulty[0]}", "dim")

    def _print_answer(self, answer: Answer, before: Answer | None = None) -> None:
        head = Text(" ")
        if before is not None:
            head.append(self._marks[before.result], _STYLES[before.result])
            head.append(" → " if self._marks is _MARKS else " > ", "dim")
        head.append(self._marks[answer.result], _STYLES[answer.result])
        style = "bold" if answer.faults else "dim" if answer.is_skipped else ""
        head.append(f" {answer.number:>2}  ", style)
        line = Text(answer.name, style)
        if not answer.faults and answer.seen:
            line.append(f": {self._make_printable(answer.seen)}", "dim")
        self._print_beside(head, line)
        for fault, following in zip_longest(answer.faults, answer.faults[1:]):
            self._print_fault(fault)
            if following is None or following.remedy != fault.remedy:
                for remedy in fault.remedy.splitlines():
                    # Code, to be copied from the terminal as one line.
                    text = " " * (_INDENT + 2) + self._make_printable(remedy)
                    self._console.print(Text(text, "green"), soft_wrap=True)

    def _print_fault(self, fault: Fault) -> None:
        indent = Text(" " * _INDENT)
        if fault.where:
            self._print_beside(indent, Text(self._make_printable(fault.where), "cyan"))
        self._print_beside(indent, Text(self._make_printable(fault.seen)))

    def _print_beside(self, head: Text, text: Text) -> None:
        """Print a text that is wrapped, on a terminal, at the right of what it begins with."""
        if not self._console.is_terminal:
            self._console.print(head + text, soft_wrap=True)
            return
        grid = Table.grid()
        grid.add_column(no_wrap=True)
        grid.add_column()
        grid.add_row(head, text)
        self._console.print(grid)

    def _make_printable(self, text: str) -> str:
        if self._marks is _ASCII_MARKS:
            text = text.replace("…", "...")
        return to_printable(text)

    def _print_score(self, report: Report) -> None:
        score = report.score
        text = f"\n{score.passed} of {score.of} passed"
        if report.before:
            before = Score.of_answers(report.before)
            text += f" when it is observed, {before.passed} of {before.of} without"
        skipped = len(report.questions) - score.of
        if skipped:
            text += f"; {skipped} {'do' if skipped > 1 else 'does'} not apply"
        self._print(text, "bold")

    def _print(self, text: str, style: str) -> None:
        self._console.print(Text(text, style), soft_wrap=not self._console.is_terminal)
