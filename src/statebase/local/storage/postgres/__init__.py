"""The parts for PostgreSQL only: connections and who may use which when, the schema, and the statements that differ.

It needs psycopg, of the extra `statebase[postgres]`, and may use the tables and the errors of the engine. Only the
store imports it, for a URL.
"""
