"""What the SDK costs, beside its peers, in one run on one machine: `make bench`."""
