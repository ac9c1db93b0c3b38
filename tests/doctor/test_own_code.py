"""Which files are the app's own, which the doctor names places in."""

import json
from pathlib import Path

import flask
import pytest

import wsgi_observe
from wsgi_observe.demo import app as demo
from wsgi_observe.doctor.own_code import is_own_file

FILES = {
    "/srv/shop/orders.py": True,
    str(demo.__file__): True,
    str(wsgi_observe.__file__): False,
    str(flask.__file__): False,
    str(json.__file__): False,
    "<string>": False,
}


@pytest.mark.parametrize(("file", "is_own"), FILES.items(), ids=[Path(one).name for one in FILES])
def test_files_of_the_app_and_of_the_demo_are_the_apps_own(file: str, is_own: bool) -> None:
    assert is_own_file(file) is is_own
