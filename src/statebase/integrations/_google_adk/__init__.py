"""The integration with the Agent Development Kit: `sessions`, `memories`, and `keys`, which both use."""
