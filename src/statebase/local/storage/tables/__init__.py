"""The SQL, a module for each kind of thing that is stored. Every method is for a caller that holds the connection."""
