"""What `statebase doctor` checks: this machine, the way to a service, the service, and a store.

Each check is a line of `report.py`. It may use settings and TLS of the client, and the inspection of a store. Only
`cli.run` calls it, by `examine.py`.
"""
