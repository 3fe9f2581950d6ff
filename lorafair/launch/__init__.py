"""An audit on many machines: what each task needs, who does it, and how its work comes back (docs/launcher.md)."""
