"""The changes of a new document for clients of the old one."""
