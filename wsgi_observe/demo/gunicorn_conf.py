"""Gunicorn's configuration for the demo."""

workers = 2
threads = 4
worker_class = "gthread"
graceful_timeout = 3
control_socket_disable = True  # since Gunicorn 25.1 it would be created in the home directory
