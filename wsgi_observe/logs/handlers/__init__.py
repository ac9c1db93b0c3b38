"""Log handlers: streams with back-pressure, and mail."""
