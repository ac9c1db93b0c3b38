"""Kinto as a WSGI app, in the way of Pyramid's documentation: first logging, then the app."""

from pathlib import Path

from pyramid.paster import get_app, setup_logging

INI = str(Path(__file__).with_name("kinto.ini"))
setup_logging(INI)  # fileConfig, which disables all existing loggers
application = get_app(INI, "main")
