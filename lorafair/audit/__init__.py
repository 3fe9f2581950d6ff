"""A whole audit from one recipe: trained, evaluated, probed, compared, reported."""
