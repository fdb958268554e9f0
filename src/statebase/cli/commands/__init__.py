"""The commands, a module each: its name, help and options, and what it does.

A module declares `COMMAND`; `cli.parser` lists them. What the command needs is imported when it runs, so that `--help`
and usage errors are fast. A command may use everything of the package.
"""
