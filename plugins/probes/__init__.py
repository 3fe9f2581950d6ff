"""Built-in probes, one per file."""
