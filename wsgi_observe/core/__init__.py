"""Values and plumbing that know nobody above them; standard library only."""
