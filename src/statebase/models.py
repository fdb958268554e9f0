"""The models of the API: what methods return, and what a request's body has to fit."""

from __future__ import annotations

from ._generated.models import *  # noqa: F403
from ._results import ContextResponse as ContextResponse
from ._results import SearchResults as SearchResults
from ._results import SessionHistory as SessionHistory
