"""Settings of the Jupyter server that ``course start`` runs; read by Jupyter, not imported."""

c = get_config()  # noqa: F821 (Jupyter defines it)

c.ServerApp.default_url = "/course"
# Nothing is fetched from outside: no news, no look for updates.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.JupyterNotebookApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
# A learner's half-written cell is saved often.
c.FileContentsManager.use_atomic_writing = True
