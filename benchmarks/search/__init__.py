"""Texts with questions, written for this project, and measurements of what a search finds in them."""
