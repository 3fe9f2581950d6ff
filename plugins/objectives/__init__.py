"""Built-in objectives, one per file."""
