"""What the README has one type for Gunicorn, typed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn.config import Config

import wsgi_observe.gunicorn
from tests.gunicorn.serving import ROOT, access_of, bare, boots
from tests.support import PATIENCE

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOP = """\
from flask import Flask

app = Flask("shop")
app.get("/")(lambda: "hello")


def ping_database():
    pass
"""
WAYS = re.findall(r"gunicorn (-[^`$]*?shop:app)", README.replace("\n", " "))


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_start_it_works_as_it_is_written(way: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    *options, app = shlex.split(way)
    (name, path) = re.findall(r"`WSGI_OBSERVE_(CHECKS)=(.*?)`", README)[0]
    env = {f"WSGI_OBSERVE_{name}": path}
    with bare(*options, app=app, env=env, cwd=tmp_path) as server:
        server.wait_for(lambda: boots(server))
        assert server.get("/", {"X-Request-ID": "typed"}).body == b"hello"
        assert access_of(server, "typed")["status_code"] == 200
        assert server.get("/ready").json == {"status": "ok", "checks": {"db": "ok"}}
        commands = re.findall(r"^\$ wsgi-observe (drain.*?) 1 ", README, re.M)
        for command, status in zip(commands, ("draining", "ok"), strict=True):
            arguments = shlex.split(command.replace("20", "0.5"))
            subprocess.run(
                [sys.executable, "-m", "wsgi_observe", *arguments, str(server.process.pid)],
                check=True,
                timeout=PATIENCE,
                stdout=subprocess.DEVNULL,
            )
            assert server.get("/ready").json["status"] == status


def test_both_ways_are_there() -> None:
    assert len(WAYS) == 2


def test_as_a_config_module_it_has_the_one_setting() -> None:
    known = Config().settings
    assert [name for name in vars(wsgi_observe.gunicorn) if name in known] == ["logger_class"]
    names: dict[str, object] = {}
    exec("from wsgi_observe.gunicorn import *", names)
    assert names["logger_class"] == "wsgi_observe.gunicorn.Logger"
