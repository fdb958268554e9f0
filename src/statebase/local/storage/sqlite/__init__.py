"""What is SQLite's own: connections and who may use which when, the schema and its migrations, copies of a file.

It may use the errors of the engine. The tables execute their statements on its `Database`; the doctor inspects a file
with it, without opening a store.
"""
