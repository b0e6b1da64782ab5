"""The only importers of a framework: one adapter each."""
