"""The story of a request as JSON, for programs."""

from dataclasses import asdict
from typing import Any

from wsgi_observe.logreader.story import Event, RequestSummary, Story


def story_to_dict(story: Story) -> dict[str, Any]:
    """Return a story as what JSON can represent."""
    return {
        "request_id": story.request_id,
        "services": list(story.services),
        "trace_ids": sorted(story.trace_ids),
        "requests": [_summary_to_dict(one) for one in story.requests],
        "events": [_event_to_dict(event) for event in story.events],
    }


def _summary_to_dict(summary: RequestSummary) -> dict[str, Any]:
    fields = {name: getattr(summary, name) for name in RequestSummary.__slots__}
    del fields["fields"]
    return fields


def _event_to_dict(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "service": event.record.service,
        "offset": event.offset,
        "gap": event.gap,
        "is_after": event.is_after,
        "is_buffered": event.is_buffered,
        "is_related": event.is_related,
        "record": event.record.fields,
        "exceptions": [asdict(exception) for exception in event.traceback],
    }
