"""What everything stands on: the base of models, an operation, errors, header rules, locks, clocks, late loading.

Imports nothing of ours but `_results.html`, when a notebook asks a model for its HTML. Every other room imports it.
"""
