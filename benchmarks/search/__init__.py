"""How well a search finds: texts with questions, written for this project, and what is measured on them."""
