"""Logs of ten incidents, each with one cause hidden in the traffic of several services."""
