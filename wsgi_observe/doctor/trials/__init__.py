"""What several questions try: errors, log records, probes."""
