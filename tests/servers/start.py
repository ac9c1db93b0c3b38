"""Starts a server that has no command of its own: ``python -m tests.servers.start cheroot``."""

import sys
from wsgiref import simple_server

from tests.servers.matrix import app

HOST = "127.0.0.1"


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
    {each.__name__: each for each in (cheroot, gevent, werkzeug, wsgiref)}[sys.argv[1]]()
