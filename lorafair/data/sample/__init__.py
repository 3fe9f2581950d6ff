"""The sample sets that the project wrote itself."""
