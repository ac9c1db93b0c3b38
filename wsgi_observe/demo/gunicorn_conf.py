"""Gunicorn's configuration for the demo, whose log lines are kept in a file, too."""

from wsgi_observe.demo.log_file import keep_log_lines

workers = 2
threads = 4
worker_class = "gthread"
graceful_timeout = 3
control_socket_disable = True  # since Gunicorn 25.1 it would be created in the home directory

# Gunicorn reads this before it forks, so that the arbiter and each worker append to one file.
keep_log_lines()
