"""One call: settings, options, request, retries, outcome of failures, response, hooks, and the two drivers.

Only the two drivers do I/O. The room may import `_results`, the generated models and `_base`. It contains no socket
(`_clients/connect.py` passes in the function that sends) and no operation. Generated methods call the drivers.
"""
