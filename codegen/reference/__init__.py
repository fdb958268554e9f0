"""api.md: each method in one line, its signature read from the source."""
