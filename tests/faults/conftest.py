"""The echo server, for whole clients."""

from tests.echo_server import (  # noqa: F401 # fixtures
    ca_file,
    certificates,
    connections_to,
    http2_server,
    make_tls_server,
    server,
    tls_server,
)
