"""One call: its settings and options, the request, retries, what a failure means, the response, hooks, and the drivers.

Everything but the two drivers is pure. It may use `_results`, the generated models and `_base`; it does not know a
socket (`connect.py` hands it a function that sends) nor a single operation. The generated methods call the drivers.
"""
