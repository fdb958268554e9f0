"""The operations of the document as the templates see them: parameters, types, names, all settled."""
