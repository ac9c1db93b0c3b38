"""Code that runs in Gunicorn's workers: set-up, signals, rejected requests, the boot line."""
