"""Event sets become facts: one pure module per kind of entity."""
