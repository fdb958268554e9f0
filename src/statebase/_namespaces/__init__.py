"""Methods that take more than the document can say: plain text, chat messages, lists of words.

Each class inherits the generated methods of its namespace and adds to them; they may use `_call`, `_results` and the
models. The clients make one of each when it is first used.
"""
