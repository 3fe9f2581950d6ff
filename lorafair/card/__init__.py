"""The fairness section and the metadata of an adapter's model card."""
