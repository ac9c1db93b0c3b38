"""devpi-server as a WSGI app, with the logging that its command configures."""

from devpi_server.config import get_pluginmanager, parseoptions
from devpi_server.log import configure_logging
from devpi_server.main import xom_from_config

# Its own parameters for the hash of the secret take seconds, and half a gigabyte of memory.
LIGHT = ["--argon2-memory-cost", "1024", "--argon2-time-cost", "1"]

config = parseoptions(get_pluginmanager(), ["devpi-server", "--serverdir", "data", *LIGHT])
configure_logging(config.args)
xom = xom_from_config(config)
with xom.keyfs.read_transaction():
    app = xom.create_app()
xom.thread_pool.start()
