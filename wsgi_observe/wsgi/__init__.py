"""The WSGI protocol (PEP 3333): exchange, response, environ, headers, exceptions."""
