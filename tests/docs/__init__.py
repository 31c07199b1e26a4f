"""The README is generated where it lists things, and run where it gives commands."""
