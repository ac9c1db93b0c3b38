"""Stock error pages of frameworks: recognise them, and extract the author's own description."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

_MAX_SOURCE_CHARS = 4000  # of a page are searched for the author's text
_MAX_DESCRIPTION_CHARS = 2000
_MAX_JSON_BYTES = 65536  # are parsed to recognise a framework's JSON


class StockError(NamedTuple):
    """An error body that a framework made for the app."""

    description: str = ""
    """The author's own text; empty where it has only the framework's default sentence."""

    members: Mapping[str, object] = {}
    """Members of the framework's JSON that its clients may read."""


NO_DESCRIPTION = StockError()


# Regular expressions for the beginnings of frameworks' pages. Each is matched against the first
# chunk, from its start; frameworks send the page whole. The group `text` is optional: without its
# end, in a page of several chunks, only half a sentence would be known.
_WERKZEUG_PAGE = (
    rb"(?i:<!doctype html>)\n<html lang=en>\n<title>\d{3} [^<\n]*</title>\n"
    rb"<h1>[^<\n]*</h1>\n<p>(?:(?P<text>.*?)</p>\n)?"
)
_PAGE_PATTERNS = (
    _WERKZEUG_PAGE,
    # Django without DEBUG
    (
        rb'(?i:<!doctype html>)\s*<html lang="en">\s*<head>\s*<title>[^<\n]*</title>\s*</head>\s*'
        rb"<body>\s*<h1>[^<\n]*</h1><p>(?P<text>[^<\n]*)</p>\s*</body>\s*</html>\s*\Z"
    ),
    # Django, a form without its CSRF token
    (
        rb'(?i:<!doctype html>)\s*<html lang="en">\s*<head>\s*<meta http-equiv="content-type"'
        rb'[^>\n]*>\s*(?:<meta name="color-scheme"[^>\n]*>\s*)?'  # since Django 6
        rb'<meta name="robots" content="NONE,NOARCHIVE">\s*<title>403 Forbidden</title>'
        rb"(?:.*?<p>(?P<text>.*?)</p>)?"
    ),
    # Bottle; in its debug mode the exception and its traceback follow the text.
    (
        rb'(?i:<!doctype html public "-//IETF//DTD HTML 2\.0//EN">)\s*<html>\s*<head>\s*'
        rb"<title>Error: \d{3}(?:.*?<pre>(?P<text>.*?)</pre>)?"
    ),
    rb"<h1>Critical error while processing request: ",
    # WebOb, Pyramid
    (
        rb"<html>\s*<head>\s*<title>\d{3} [^<\n]*</title>\s*</head>\s*<body>\s*"
        rb"<h1>\d{3} [^<\n]*</h1>(?:(?P<text>.*?)</body>)?"
    ),
    # CherryPy; outside its production mode the traceback follows the text.
    (
        rb'(?i:<!doctype html public)\s*"-//W3C//DTD XHTML 1\.0 Transitional//EN"\s*[^>\n]*>\s*'
        rb"<html>\s*<head>\s*<meta [^>\n]*></meta>\s*<title>\d{3} [^<\n]*</title>\s*"
        rb'<style type="text/css">\s*#powered_by (?:.*?<p>(?P<text>.*?)</p>)?'
    ),
)


def read_stock_page(chunk: bytes, status: str, path: str) -> StockError | None:
    """Parse a framework's HTML error page; return None for a page of the app's own.

    :param chunk: the first chunk of the response.
    :param status: the status line.
    :param path: the path of the request, which a framework's default text may name.
    """
    for pattern in _PAGE_PATTERNS:
        # Compiled with the first error page, then kept.
        match = re.match(rb"\s*" + pattern, chunk, re.DOTALL)
        if match is not None:
            text = _html_to_text(match.groupdict().get("text") or b"")
            # In debug mode a KeyError follows the sentence of a 400 in a line of its own.
            separator = "\n" if pattern is _WERKZEUG_PAGE else "\n\n"
            return StockError(_author_text(text, separator, status, path))
    return None


def read_stock_text(chunk: bytes, status: str, path: str) -> StockError | None:
    """Parse a framework's JSON, XML or plain text of an error; return None for the app's own.

    Each of these repeats the status line, which an app's own document has no reason to do.
    """
    if re.match(rb'\{\s*"(?:title|message)"', chunk):
        return _read_json(chunk, status, path)
    line = status.encode("latin-1", "replace")
    xml = re.fullmatch(_FALCON_XML.replace(b"LINE", re.escape(line)), chunk)
    if xml is not None:
        return StockError(_html_to_text(xml["text"] or b""))
    prefix = line + b"\n\n"
    if chunk.startswith(prefix) and _BLANK_LINE.search(chunk, len(prefix) - 2):
        text = chunk[len(prefix) :][:_MAX_SOURCE_CHARS].decode("utf-8", "replace")
        # WebOb ends the text with blanks, Pyramid with line ends, both seldom with the detail.
        if chunk[-1:].isspace() or is_default_sentence(text.partition("\n\n")[0], int(line[:3])):
            return StockError(_author_text(text, "\n\n", status, path))
    if chunk.startswith(b"Unrecoverable error in the server."):  # CherryPy, then a traceback
        return NO_DESCRIPTION
    return None


_BLANK_LINE = re.compile(rb"\n\n[ \n]")  # between a sentence of WebOb's or Pyramid's and the detail
_FALCON_XML = (  # Falcon
    rb'<\?xml version="1.0" encoding="UTF-8"\?><error><title>LINE</title>'
    rb"(?:<description>(?P<text>[^<]*)</description>)?</error>"
)


def _read_json(chunk: bytes, status: str, path: str) -> StockError | None:
    """Parse the JSON of Falcon, WebOb or Pyramid; return None for the app's own."""
    try:
        document = json.loads(chunk) if len(chunk) <= _MAX_JSON_BYTES else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        return None
    match document:
        case {"title": title, **rest} if title == status and rest.keys() <= {"description"}:
            return StockError(_truncate(rest.get("description", "")))  # Falcon
        case {"message": message, "code": code, "title": title, **rest} if not rest:
            if code != status or title != status[4:]:
                return None
            # WebOb has line breaks of HTML in JSON too, and a `comment` that browsers hide.
            text = re.sub(r"<br ?/>", "\n", message[:_MAX_SOURCE_CHARS])
            text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
            description = _author_text(text, "\n\n", status, path)
            return StockError(description, {"message": message} if description else {})
    return None


def is_default_sentence(text: str, code: int) -> bool:
    """Return whether `text` is a framework's default sentence for an error with this status."""
    from http import HTTPStatus  # only where there is an error response: it takes long to load

    words = " ".join(text.split())
    if words in _SENTENCES or re.match(_TEMPLATES, words):
        return True
    if any(words in _read_sentences(name) for name in _STATUS_CLASSES if name in sys.modules):
        return True
    try:
        return words == HTTPStatus(code).description  # CherryPy takes its sentences from there
    except ValueError:
        return False


@cache
def _read_sentences(module: str) -> frozenset[str]:
    """Return the sentences that a framework has, with single spaces between their words."""
    table, attribute = _STATUS_CLASSES[module]
    classes = list(getattr(sys.modules[module], table, {}).values())
    # An app may have added a class of its own, for a status that the framework does not know.
    sentences = (getattr(one, attribute, "") for one in classes if one.__module__ == module)
    return frozenset(" ".join(str(sentence).split()) for sentence in sentences if sentence)


def _author_text(text: str, separator: str, status: str, path: str) -> str:
    """Return `text` without the framework's default sentence."""
    code = int(status[:3])
    first, _, rest = text.strip().partition(separator)
    author_text = (rest if is_default_sentence(first, code) else text).strip()
    # Pyramid's default detail is the path or the URL.
    is_location = " " not in author_text and author_text.endswith(path or "/")
    return "" if is_location or is_default_sentence(author_text, code) else _truncate(author_text)


def _html_to_text(source: bytes) -> str:
    """Return the text of a piece of HTML, without markup and with its entities decoded."""
    from html import unescape  # only where there is an error response, as above

    html = source[:_MAX_SOURCE_CHARS].decode("utf-8", "replace")
    lines = re.sub(r"(?i)<br ?/?>", "\n", html)
    try:
        # Not `<[^>]*>`, which takes quadratic time for many `<`.
        return unescape(re.sub(r"<[^<>]*>", "", lines)).strip()
    except ValueError:  # a character reference of more digits than `int` takes
        return ""


def _truncate(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _MAX_DESCRIPTION_CHARS else text[: _MAX_DESCRIPTION_CHARS - 1] + "…"


# The default sentences of frameworks, which no author of an app has written. A test compares them
# with the frameworks themselves. A sentence that is missing here, of another version for example,
# is taken for the author's and kept.

_STATUS_CLASSES = {
    "werkzeug.exceptions": ("default_exceptions", "description"),
    "webob.exc": ("status_map", "explanation"),
    "pyramid.httpexceptions": ("status_map", "explanation"),
}
"""Modules with a table of exceptions by status, and the attribute that holds the sentence."""

_SENTENCES = frozenset(
    {
        # Django
        "The requested resource was not found on this server.",
        # Bottle
        "Access denied",
        "Access denied.",
        "File does not exist.",
        "Internal Server Error",
        "Method not allowed.",
        "Request entity too large",
        "Requested Range Not Satisfiable",
        "Unhandled exception",
        "Unknown Error.",
        "You do not have permission to access this file.",
        # CherryPy, beside those of `http.HTTPStatus`
        "The server encountered an unexpected condition which prevented it from fulfilling the "
        "request.",
        "The server is currently unable to handle the request due to a temporary overloading or "
        "maintenance of the server.",
    }
)

_TEMPLATES = r"""(?x)
    # Bottle, which also names the type of what a view returned
    Not\ found:\ ['"]/
  | Unsupported\ response\ type:\ <
    # CherryPy
  | The\ path\ '[^']*'\ was\ not\ found\.\Z
    # Flask, in debug mode
  | KeyError:[ ]
    # WebOb, Pyramid, whose details also name views, and contexts in its debug modes
  | The\ method\ \S+\ is\ not\ allowed\ for\ this\ resource\.\Z
  | The\ request\ method\ \S+\ is\ not\ implemented\ for\ this\ server\.\Z
  | The\ request\ media\ type\ .*\ is\ not\ supported\ by\ this\ server\.\Z
  | The\ resource\ could\ not\ be\ generated\ that\ was\ acceptable\ to\ your\ browser\b
  | Unauthorized:\ .*\ failed\ permission\ check\Z
  | (?:debug_notfound|debug_authorization)\ of\ url[ ]
  | predicate\ mismatch\ for\ view[ ]
"""
"""Regular expression for sentences that name something of the request or of the app."""
