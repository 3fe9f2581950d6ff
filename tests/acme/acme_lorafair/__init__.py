"""Acme's plugins for LoRAFair."""
