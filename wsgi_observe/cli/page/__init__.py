"""HTML pages of the commands that read logs: one file each, without a network."""
