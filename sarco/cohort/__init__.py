"""Cohorts: their layout on disk and its check; made of phantoms, imported or fetched."""
