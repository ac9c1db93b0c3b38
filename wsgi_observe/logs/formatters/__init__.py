"""Log formatters: JSON and console, their encoders, truncation of long lines."""
