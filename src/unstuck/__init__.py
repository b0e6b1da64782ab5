"""Findings, fixes and proofs for trainings that do not learn."""
__version__ = "0.1.0"
