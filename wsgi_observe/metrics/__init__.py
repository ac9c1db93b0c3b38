"""Numbers that metrics export and that no client library counts, in memory that processes share."""
