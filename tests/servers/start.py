"""Starts a server that has no command of its own: ``python -m tests.servers.start cheroot``.

With the name of another app: ``… cheroot tests.outgoing.traced:app``.
"""

import sys
from importlib import import_module
from typing import Any
from wsgiref import simple_server

HOST = "127.0.0.1"
app: Any


def cheroot() -> None:
    from cheroot.wsgi import Server

    server = Server((HOST, 0), app, numthreads=4)
    server.prepare()
    say(server.bind_addr[1])
    server.serve()


def gevent() -> None:
    from gevent.pywsgi import WSGIServer

    server = WSGIServer((HOST, 0), app)
    server.start()
    say(server.server_port)
    server.serve_forever()


def werkzeug() -> None:
    from werkzeug.serving import run_simple

    run_simple(HOST, 0, app, threaded=True)  # it names its URL itself


def wsgiref() -> None:
    server = simple_server.make_server(HOST, 0, app)
    say(server.server_port)
    server.serve_forever()


def say(port: int) -> None:
    print(f"http://{HOST}:{port}", flush=True)


if __name__ == "__main__":
    module, _, name = (*sys.argv[2:], "tests.servers.matrix:app")[0].partition(":")
    app = getattr(import_module(module), name)
    {each.__name__: each for each in (cheroot, gevent, werkzeug, wsgiref)}[sys.argv[1]]()
