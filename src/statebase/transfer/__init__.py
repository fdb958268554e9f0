"""Export and import: the records of a file, how they are read from a client and written to one.

It works through the public methods of a client that it is given, so that stores and services are alike; it opens
neither files nor clients. The commands `export` and `import` of `cli` call it.
"""
