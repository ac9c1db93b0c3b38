"""What the process of the app writes, logs, sends and touches."""
