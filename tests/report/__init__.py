"""The review pack for a meeting."""
