"""The four middlewares, one job each; strangers to each other."""
