"""The foundation: base class of models, operations, errors, header rules, locks, clocks, lazy imports.

It imports no other room, except `_results.html` when a notebook asks a model for its HTML. Every other room imports it.
"""
