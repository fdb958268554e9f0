"""The operations of the document as values for the templates: parameters, types, names."""
