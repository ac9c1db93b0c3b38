"""The broker of the demo: kombu's filesystem transport, made safe for several processes."""

from pathlib import Path
from time import monotonic_ns
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem, virtual
from kombu.utils import json

_OPTIONS = {
    "data_folder_in": "jobs",
    "data_folder_out": "jobs",
    # By default kombu reads a message in the directory of all programs' temporary files.
    "store_processed": True,
    "processed_folder": "jobs/received",
}
_POLL_SECONDS = 0.1


class Channel(filesystem.Channel):
    """Keeps each message in a file, of which a reader never gets a part."""

    # kombu keeps the bindings of queues in a file that is read while it is written
    # (treeverse/dvc-task#73). A process declares its queue before it uses it: it needs no file.
    get_table = virtual.Channel.get_table

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Path(self.processed_folder).mkdir(parents=True, exist_ok=True)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        pass

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        # kombu writes under the name that its reader looks for: a worker that reads too early
        # ends with a JSONDecodeError (celery/kombu#1551).
        name = f"{monotonic_ns():020}_{uuid4()}"
        incomplete = Path(self.data_folder_out, f"{name}.incomplete")
        incomplete.write_text(json.dumps(payload), encoding="utf-8")
        incomplete.rename(incomplete.with_name(f"{name}.{queue}.msg"))


class Transport(filesystem.Transport):
    """The transport of these channels."""

    Channel = Channel
    polling_interval = _POLL_SECONDS

    def drain_events(self, connection: Any, **_: Any) -> None:  # type: ignore[override]
        """Wait for a message, briefly: in between, Celery's worker looks whether to stop."""
        super().drain_events(connection, timeout=_POLL_SECONDS)


def broker_settings(url: str) -> dict[str, Any]:
    """Return Celery's settings for a broker: files, below the current directory, or a real one."""
    if not url.startswith("filesystem:"):
        return {"broker_url": url}
    return {
        "broker_url": url,
        "broker_transport": f"{__name__}:Transport",
        "broker_transport_options": _OPTIONS,
    }
