"""`-c python:wsgi_observe.gunicorn`: the package as a config module of Gunicorn's."""

from gunicorn.config import Config

import wsgi_observe.gunicorn


def test_as_a_config_module_it_has_the_one_setting() -> None:
    known = Config().settings
    assert [name for name in vars(wsgi_observe.gunicorn) if name in known] == ["logger_class"]
    names: dict[str, object] = {}
    exec("from wsgi_observe.gunicorn import *", names)
    assert names["logger_class"] == "wsgi_observe.gunicorn.Logger"
