"""The scoreboard: which requests each worker runs, in memory that outlives the worker."""
