"""The gate: a policy, an audit held against it, and what CI systems read of it."""
