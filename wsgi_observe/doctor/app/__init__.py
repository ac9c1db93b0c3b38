"""The app that is asked about: how it is loaded, its framework, and requests to it."""
