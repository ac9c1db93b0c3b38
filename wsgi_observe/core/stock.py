"""Recognising an error page that a framework made, and nobody wrote for this app."""

from __future__ import annotations

import re

# Each is matched against the first chunk, from its start. Frameworks send the page whole.
_PAGES = rb"""(?xi)\A\s*(?:
  # Werkzeug, Flask
  <!doctype\ html>\n<html\ lang=en>\n<title>(\d{3})\ [^<\n]*</title>\n<h1>[^<\n]*</h1>\n<p>
| # Django without DEBUG
  <!doctype\ html>\s*<html\ lang="en">\s*<head>\s*<title>[^<\n]*</title>\s*</head>\s*
  <body>\s*<h1>[^<\n]*</h1><p>[^<\n]*</p>\s*</body>\s*</html>\s*\Z
| # Bottle
  <!DOCTYPE\ HTML\ PUBLIC\ "-//IETF//DTD\ HTML\ 2\.0//EN">\s*<html>\s*<head>\s*
  <title>Error:\ \d{3}
| # Django, a form without its CSRF token
  <!DOCTYPE\ html>\s*<html\ lang="en">\s*<head>\s*<meta\ http-equiv="content-type"[^>\n]*>\s*
  (?:<meta\ name="color-scheme"[^>\n]*>\s*)?  # since Django 6
  <meta\ name="robots"\ content="NONE,NOARCHIVE">\s*<title>403\ Forbidden</title>
| # WebOb, Pyramid
  <html>\s*<head>\s*<title>\d{3}\ [^<\n]*</title>\s*</head>\s*<body>\s*<h1>\d{3}\ [^<\n]*</h1>
)"""


def is_stock_page(chunk: bytes) -> bool:
    """Tell whether `chunk` begins the stock error page of a known framework."""
    return re.match(_PAGES, chunk) is not None  # compiled with the first error page, then kept


def is_stock_text(chunk: bytes, status: str) -> bool:
    """Tell whether `chunk` is the stock JSON, XML or plain text of an error with this status line.

    Each of them repeats the status line, which what an app says of its own has no reason to.
    """
    line = re.escape(status.encode("latin-1", "replace"))
    reason = re.escape(status[4:].encode("latin-1", "replace"))
    return any(
        re.fullmatch(form.replace(b"LINE", line).replace(b"REASON", reason), chunk, re.DOTALL)
        for form in _TEXTS
    )


_TEXTS = (
    rb'\{"title": "LINE"\}',  # Falcon
    rb'<\?xml version="1.0" encoding="UTF-8"\?><error><title>LINE</title></error>',
    rb'\{"message": "(?:[^"\\]|\\.)*", "code": "LINE", "title": "REASON"\}',  # Pyramid
    rb"LINE\n\n[^\n]+\n\n\n.*\n\n",  # WebOb
)
