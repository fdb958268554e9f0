"""What each operation does, a module for each kind of thing. Models in and out; no HTTP, no SQL."""
