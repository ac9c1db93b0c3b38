"""All of moto as one WSGI app, as its own server makes it."""

from moto.server import DomainDispatcherApplication, create_backend_app

app = DomainDispatcherApplication(create_backend_app)
