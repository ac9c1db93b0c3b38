"""The texts that a user reads, and what in them can be executed or compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))} | {
    name: (ROOT / f"{name}.md").read_text(encoding="utf-8") for name in ("README", "CONTRIBUTING")
}


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page that are in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.S | re.M)


def commands(page: str) -> list[str]:
    """Return what a reader types: the lines of the console blocks behind their prompt."""
    return [
        line.removeprefix("$ ").partition("  # ")[0]
        for block in blocks(page, "console")
        for line in block.splitlines()
    ]


def section(page: str, title: str) -> str:
    """Return what is below a heading of the second level."""
    _, _, rest = PAGES[page].partition(f"\n## {title}\n")
    assert rest, f"{page} has no section {title}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in `text`, without their heads."""
    tables = re.findall(r"^\|[-:| ]+\|\n((?:\|.*\|\n?)*)", text, re.M)
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        for table in tables
        for line in table.splitlines()
    ]
