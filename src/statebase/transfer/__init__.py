"""Export and import: the file format, reading from a client, and writing to one.

    from statebase.transfer import export_sessions, import_sessions

It uses the public methods of the client that is passed in, so that it works with stores and services; it does not open
clients. `cli.commands.export` and `cli.commands.import_` call it. Names are loaded when they are first used (PEP 562).
"""

from .._base.lazy import lazy_names

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers treat this name as true
if TYPE_CHECKING:
    from .files import Exported, export_sessions, import_sessions
    from .importing import Count, ImportFormatError

__all__ = ["Count", "Exported", "ImportFormatError", "export_sessions", "import_sessions"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        f"{__name__}.files": ("Exported", "export_sessions", "import_sessions"),
        f"{__name__}.importing": ("Count", "ImportFormatError"),
    },
)
