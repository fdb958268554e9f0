"""The constructor of both clients, and the choice of the exchange behind a client."""
