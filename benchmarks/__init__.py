"""The cost of the SDK, compared with its peers in one run on one machine: `make bench`."""
