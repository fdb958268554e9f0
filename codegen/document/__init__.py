"""The document: applies the overlay, validates it, and rewrites it into a canonical form for both generators."""
