"""Which requests run in a worker, and who tells of them when they take too long or die with it."""
