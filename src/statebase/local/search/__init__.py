"""Search for memories: embedders, vectors and their calibration, and search by words.

It sees of the store what `memory_search.py` says, and the words of `storage.tables`; it knows no operation. The
engine makes one search for each store; the operations of memories and contexts call it.
"""
