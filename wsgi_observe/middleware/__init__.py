"""The four middlewares: one job each, and none imports another."""
