"""Connections: the pools of both clients, their sockets, TLS, proxies, and what becomes of them over a fork.

It may use `_base`, and knows neither operations nor models: requests and responses of httpx go through. Only
`connect.py` makes a pool; the doctor of `cli` asks it which proxy and which certificates hold.
"""
