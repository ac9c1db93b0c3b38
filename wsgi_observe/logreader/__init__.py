"""Reading of logs: inputs, wrapped lines, records, the story of a request, groups of errors."""
