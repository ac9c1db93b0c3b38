"""The demo: an observed order API on Flask and SQLAlchemy, served by Gunicorn."""
