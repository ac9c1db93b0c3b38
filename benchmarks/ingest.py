"""Sentry's endpoint as a process of its own: good, slow, hanging or refusing, by project."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD, SLOW, HANGING, REFUSING = "1", "2", "3", "4"

_SECONDS = {SLOW: 1.0, HANGING: 3600.0}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        project = self.path.split("/")[2]  # /api/<project>/envelope/
        time.sleep(_SECONDS.get(project, 0.0))
        self.send_response(503 if project == REFUSING else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
