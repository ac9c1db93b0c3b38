"""A user's own gunicorn.conf.py with every hook set; each notes that it ran."""

import logging
import os
from pathlib import Path

# Gunicorn 25.1 and later: its thread says at each fork, and at any moment, that it listens.
control_socket_disable = True

here = Path(os.environ["NOTED"])


def note(name: str) -> None:
    with (here / "hooks").open("a") as notes:
        notes.write(f"{name}\n")


def on_starting(server):
    note("on_starting")


def on_reload(server):
    note("on_reload")


def when_ready(server):
    note("when_ready")


def pre_fork(server, worker):
    note("pre_fork")


def post_fork(server, worker):
    note("post_fork")


def post_worker_init(worker):
    note("post_worker_init")
    inner = worker.wsgi

    def outer(environ, start_response):
        note("their middleware")
        return inner(environ, start_response)

    worker.wsgi = outer


def worker_int(worker):
    note("worker_int")


def worker_abort(worker):
    note("worker_abort")


def pre_exec(server):
    note("pre_exec")


def pre_request(worker, req):
    note(f"pre_request {req.path}")


def post_request(worker, req, environ, resp):
    note(f"post_request {req.path} {resp.status_code}")


def child_exit(server, worker):
    note("child_exit")


def worker_exit(server, worker):
    note("worker_exit")


def nworkers_changed(server, new_value, old_value):
    note(f"nworkers_changed {new_value} {old_value}")


def on_exit(server):
    note("on_exit")


class Quiet(logging.Filter):
    def filter(self, record):
        return "noise" not in record.getMessage()


if os.environ.get("LOGGING") == "dict":
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(levelname)s %(name)s %(message)s"}},
        "filters": {"quiet": {"()": Quiet}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "plain",
                "filters": ["quiet"],
            },
            "file": {
                "class": "logging.FileHandler",
                "filename": str(here / "app.log"),
                "mode": "w",
                "formatter": "plain",
            },
            "alone": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "plain",
                "level": "WARNING",
            },
        },
        "root": {"level": "DEBUG", "handlers": ["console", "file"]},
        "loggers": {
            "shop": {"handlers": ["console"], "level": "INFO"},
            "shop.audit": {"handlers": ["alone"], "level": "INFO", "propagate": False},
            "gunicorn.error": {"handlers": ["console"], "level": "INFO"},
        },
    }
