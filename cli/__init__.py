"""Built-in commands, one per file."""
