"""The tests: the same tree as the package, file by file."""
