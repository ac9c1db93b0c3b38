"""How Sphinx builds the documentation: ``sphinx-build -W --keep-going -b html docs <out>``."""

from importlib.metadata import version as version_of

project = "wsgi_observe"
author = "wsgi_observe contributors"
version = release = version_of("wsgi-observe")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"  # single backticks in docstrings

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"WSGIApplication": "WSGIApplication"}  # by its name, not its definition

html_theme = "furo"
html_title = "wsgi_observe"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
