"""Small distributions for people who write a plugin: one set of templates for each kind."""
