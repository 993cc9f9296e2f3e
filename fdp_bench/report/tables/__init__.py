"""Tables of a report, computed from episode records."""
