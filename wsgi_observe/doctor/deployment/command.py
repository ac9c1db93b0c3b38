"""Commands: lists of words, with the place where they are written."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from wsgi_observe.doctor.deployment.tree import Node


@dataclass(frozen=True)
class Command:
    """A command as a list of words.

    :param is_shell_form: whether it is a text in a Dockerfile, which a shell of the image runs.
    """

    words: tuple[str, ...]
    where: str
    is_shell_form: bool = False

    @property
    def text(self) -> str:
        """The words in one line."""
        return " ".join(self.words)

    def after(self, count: int) -> Command:
        """Return the command without its first words."""
        return Command(self.words[count:], self.where)


def split_words(text: str) -> tuple[str, ...] | None:
    """Return the words of a text as a shell splits it; None if a quotation has no end."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return None


def read_command(node: Node) -> Command | None:
    """Return the command of a list of words, or of a text; None if there is none."""
    words = tuple(node.texts) if node.text is None else split_words(node.text)
    is_given = bool(node.children) or node.text is not None
    return Command(words, node.where) if is_given and words is not None else None
