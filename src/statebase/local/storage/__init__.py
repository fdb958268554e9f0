"""The store: all SQL, and the transactions around it.

`tables` has the statements, a module for each kind of thing; `sqlite` the connections, the schema, backup and
inspection; `store.py` joins them. It may use the clock, the errors and the JSON of the engine, and knows neither models
nor HTTP. The operations call it inside of a read or a change.
"""
