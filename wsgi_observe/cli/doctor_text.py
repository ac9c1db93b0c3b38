"""The answers of the doctor as text for a terminal."""

from rich.padding import Padding
from rich.text import Text

from wsgi_observe.cli.log_files import to_printable
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
            self._print_deployment(report.deployment)
        faulty = [answer.number for answer in report.answers if answer.faults]
        if faulty:
            self._print(f"More about one: wsgi-observe doctor --explain {faulty[0]}", "dim")

    def _print_answer(self, answer: Answer, before: Answer | None = None) -> None:
        line = Text(" ")
        if before is not None:
            line.append(self._marks[before.result], _STYLES[before.result])
            line.append(" → " if self._marks is _MARKS else " > ", "dim")
        line.append(self._marks[answer.result], _STYLES[answer.result])
        style = "bold" if answer.faults else "dim" if answer.is_skipped else ""
        line.append(f" {answer.number:>2}  {answer.name}", style)
        if not answer.faults and answer.seen:
            line.append(f": {to_printable(answer.seen)}", "dim")
        self._console.print(line, soft_wrap=not self._console.is_terminal)
        for fault in answer.faults:
            self._print_fault(fault)

    def _print_fault(self, fault: Fault) -> None:
        if fault.where:
            self._print_indented(to_printable(fault.where), "cyan")
        self._print_indented(to_printable(fault.seen), "")
        for line in fault.remedy.splitlines():
            self._print_indented(to_printable(line), "green", _INDENT + 2)

    def _print_indented(self, text: str, style: str, indent: int = _INDENT) -> None:
        if self._console.is_terminal:
            self._console.print(Padding(Text(text, style), (0, 0, 0, indent)))
        else:
            self._console.print(Text(" " * indent + text, style), soft_wrap=True)

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

    def _print_deployment(self, answers: list[Answer]) -> None:
        self._print("\nDeployment", "bold")
        for answer in answers:
            self._print_answer(answer)

    def _print(self, text: str, style: str) -> None:
        self._console.print(Text(text, style), soft_wrap=not self._console.is_terminal)
