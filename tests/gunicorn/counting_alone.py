"""An app that sets up its metrics in its code, where one process cannot know of the others."""

from tests.calls import answering
from wsgi_observe import observe

app = observe(answering(), metrics_path="/metrics")
