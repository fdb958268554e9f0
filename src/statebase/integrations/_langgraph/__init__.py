"""The parts of the integration with LangGraph, which `langgraph.py` offers.

`saver` is the checkpointer; `records` is what it stores, `threads` what a process knows of that, `checkpoints` what
LangGraph takes, and `upkeep` deletes and copies. `store` is the store of long-term memory, and `items` what it stores.
"""
