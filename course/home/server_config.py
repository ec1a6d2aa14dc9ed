"""Settings of the Jupyter server that ``course start`` runs; read by Jupyter, not imported."""

c = get_config()  # noqa: F821 (Jupyter defines it)

c.ServerApp.default_url = "/course"
# Containers run as root; the server listens on this machine alone and asks for its token.
c.ServerApp.allow_root = True
