"""How Gunicorn serves the demo."""

workers = 2
threads = 4
worker_class = "gthread"
graceful_timeout = 3
control_socket_disable = True  # Gunicorn 25.1 and later: it would lie in the user's home folder
