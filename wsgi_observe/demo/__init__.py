"""The demo: a small order API on Flask and SQLAlchemy, observed."""
