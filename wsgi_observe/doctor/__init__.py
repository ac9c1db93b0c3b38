"""Doctor: answers twelve questions about the observability of a WSGI app, by trying.

`process` runs `__main__` in a process of its own, which loads the app (`app`), records what the
process does (`recording`) and asks the `questions`; what several of them try is in `trials`. The
files of a deployment are read, for more questions, by `deployment`.
"""
