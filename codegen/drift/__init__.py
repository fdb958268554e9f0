"""What a new document changes for clients of the old one."""
