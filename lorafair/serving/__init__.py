"""Serving an audit: engines in processes of their own, restarted when they die, verified before an audit."""
