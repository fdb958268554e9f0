"""Export and import: the file format, reading from a client, and writing to one.

It uses the public methods of the client that is passed in, so that it works with stores and services; it opens neither
files nor clients. `cli.commands.export` and `cli.commands.import_` call it.
"""
