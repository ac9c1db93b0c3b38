"""Doctor: answers twelve questions about the observability of a WSGI app, by trying."""
