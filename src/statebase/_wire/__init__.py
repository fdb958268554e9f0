"""Exchanges over the network: the pools of both clients, their sockets, TLS, proxies, forks, and the adapter of httpx.

It may use `_base`, and knows neither operations nor models: a request goes in, a whole reply comes out. Only
`_clients/connect.py` makes an exchange; the doctor of `cli` asks it for the proxy and the certificates.
"""
