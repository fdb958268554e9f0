"""The checks of `statebase doctor`: this machine, the connection to a service, the service, and a store.

`examine.py` runs them in order, `report.py` prints them. They may use the settings and TLS of the client, and the
inspection of a store. Only `cli.commands.doctor` calls them.
"""
