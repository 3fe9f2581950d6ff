"""Built-in plugins, one per file."""
