"""Integrations with agent frameworks: a module for each, behind an extra of its name.

    from statebase.integrations.langgraph import StateBaseSaver

`import statebase` imports none of them. They use public names of `statebase` and of the framework only, so each of them
is an example of the SDK as well. What they share is in `_steps`, which runs a method with either client, and `_log`,
which stores the records of a framework in order.
"""
