"""`python -m wsgi_observe`: the command, where no script is installed."""

import sys

from wsgi_observe.cli import main

sys.exit(main())
