"""The HTML document: one file with its style and script, under a strict Content-Security-Policy."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from wsgi_observe.cli.command import CommandError
from wsgi_observe.cli.page.markup import Html, to_shown

STANDARD_OUTPUT = "-"
_DOCTYPE = b"<!doctype html>"
_MAX_TITLE_BYTES = 300


def make_document(title: str, body: Html) -> bytes:
    """Return a page in UTF-8.

    Its policy allows nothing but our own style and script, by their hashes: what a log has managed
    to put into the page would neither run nor load anything.
    """
    assets = files(__package__).joinpath("assets")
    template, style, script = (
        assets.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")
    )
    policy = "; ".join(
        (
            *("default-src 'none'", "base-uri 'none'", "form-action 'none'"),
            *(f"style-src '{_hash(style)}'", f"script-src '{_hash(script)}'"),
            *("require-trusted-types-for 'script'", "trusted-types 'none'"),
        )
    )
    text = Template(template).substitute(
        policy=policy,
        title=escape(to_shown(title, _MAX_TITLE_BYTES)),
        style=style,
        script=script,
        body=body,
    )
    return text.encode("utf-8", "backslashreplace")


def write_document(output: str, document: bytes) -> None:
    """Write a page to the file `output`; ``-`` is standard output.

    A file that is no page is not replaced: with a FILE left out, it would be the log.
    """
    if output == STANDARD_OUTPUT:
        # Opened again: `sys.stdout` may have been replaced by a stream of text.
        with open(1, "wb", closefd=False) as stream:
            stream.write(document)
        return
    path = Path(output)
    try:
        if path.is_file() and not _is_page(path):
            problem = f"{output} exists and is no page: it is not replaced; name another file"
            raise CommandError(problem, exit_code=2)
        path.write_bytes(document)
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}", exit_code=2) from error


def _is_page(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(len(_DOCTYPE))
    return not start or start.lower() == _DOCTYPE


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
