"""Environment variables of a process, as far as the files of the deployment have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wsgi_observe.doctor.deployment.files import Folder
from wsgi_observe.doctor.deployment.tree import Node


@dataclass(frozen=True)
class Environment:
    """Variables with their places.

    :param is_open: whether there may be further variables, such as those of a Secret.
    """

    variables: Mapping[str, Node] = field(default_factory=dict)
    is_open: bool = False

    def get(self, name: str) -> Node:
        """Return the value of a variable, an empty node if it is not set or not known."""
        return self.variables.get(name) or Node("")

    def is_unset(self, name: str) -> bool:
        """Return whether a variable is certainly not set."""
        return name not in self.variables and not self.is_open

    def merged_with(self, other: Environment) -> Environment:
        """Return these variables, overridden by those of `other`."""
        return Environment({**self.variables, **other.variables}, self.is_open or other.is_open)

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)


def read_env_file(folder: Folder, name: str | None) -> Environment:
    """Return the variables of a file of lines ``NAME=value``; any if it is not in the folder."""
    text = folder.read(name) if name in folder.names else None
    variables = {}
    for number, line in enumerate((text or "").splitlines(), 1):
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not key.startswith("#"):
            variables[key.strip()] = Node(f"{name}:{number}", value.strip().strip("'\""))
    return Environment(variables, is_open=text is None)
