"""The environment variables and the exit codes, for the help, the doctor and the pages."""

from __future__ import annotations

API_KEY = "STATEBASE_API_KEY"
BASE_URL = "STATEBASE_BASE_URL"
SERVE_API_KEY = "STATEBASE_SERVE_API_KEY"
DATABASE_URL = "STATEBASE_DATABASE_URL"

VARIABLES = {
    (API_KEY,): "the API key of the service",
    (BASE_URL,): "the default service of doctor, list, show, tail and search; else us",
    (SERVE_API_KEY,): "the API key that clients of `serve` must send",
    (DATABASE_URL,): "the default store: the URL of a PostgreSQL database; it may contain a password",
    ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"): "the proxy, and the hosts that bypass it",
    ("SSL_CERT_FILE", "SSL_CERT_DIR"): "the CA certificates to trust instead of the default",
    ("NO_COLOR",): "set to anything: no colours",
    ("FORCE_COLOR",): "set to anything: colours even if the output is not a terminal",
}
"""The meaning of each variable, or group of variables."""

FAILED = 1
INTERRUPTED = 130

EXIT_CODES = {
    0: "success. `serve` and `tail` also after Ctrl-C, `tail` when the session ends, `doctor` if no check failed",
    FAILED: "failure, explained by one line on stderr. `doctor`: a check failed",
    2: "usage error",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""The meaning of each exit code."""
