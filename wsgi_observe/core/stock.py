"""Recognising an error page that a framework made, and nobody wrote for this app."""

from __future__ import annotations

import re

# Each is matched against the first chunk, from its start. Frameworks send the page whole.
_PAGES = re.compile(
    rb"""\A\s*(?:
      # Werkzeug, Flask
      <!doctype\ html>\n<html\ lang=en>\n<title>(\d{3})\ [^<\n]*</title>\n<h1>[^<\n]*</h1>\n<p>
    | # Django without DEBUG
      <!doctype\ html>\s*<html\ lang="en">\s*<head>\s*<title>[^<\n]*</title>\s*</head>\s*
      <body>\s*<h1>[^<\n]*</h1><p>[^<\n]*</p>\s*</body>\s*</html>\s*\Z
    | # Bottle
      <!DOCTYPE\ HTML\ PUBLIC\ "-//IETF//DTD\ HTML\ 2\.0//EN">\s*<html>\s*<head>\s*
      <title>Error:\ \d{3}
    | # WebOb, Pyramid
      <html>\s*<head>\s*<title>\d{3}\ [^<\n]*</title>\s*</head>\s*<body>\s*<h1>\d{3}\ [^<\n]*</h1>
    )""",
    re.VERBOSE | re.IGNORECASE,
).match


def is_stock_page(chunk: bytes) -> bool:
    """Tell whether `chunk` begins the stock error page of a known framework."""
    return _PAGES(chunk) is not None
