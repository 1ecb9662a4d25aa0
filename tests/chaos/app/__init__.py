"""The jobs whose effects are counted."""
