"""A plug-in of Kinto's, which fails in Pyramid's ways."""

from pyramid import httpexceptions
from pyramid.security import NO_PERMISSION_REQUIRED


def includeme(config):
    for name, view in (("boom", boom), ("sold", sold)):
        config.add_route(name, f"/{name}")
        config.add_view(view, route_name=name, permission=NO_PERMISSION_REQUIRED)


def boom(request):
    raise LookupError("no such price")


def sold(request):
    raise httpexceptions.HTTPConflict("This item is sold out.")
