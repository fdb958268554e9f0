"""The document: the overlay applied, checked, and rewritten into the form that both generators read alike."""
