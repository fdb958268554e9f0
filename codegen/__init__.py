"""The generator of `statebase._generated`: run `python -m codegen --help`."""
