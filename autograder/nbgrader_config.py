"""Settings of nbgrader for this course: the one home for them.

`course build --view nbgrader` copies this file into the staged course and renews it every time. To
change a setting, write it into `instructor_config.py` beside the copy, in the same form: that file
is yours, is read last and never overwritten. Another exchange, another database:

    c.Exchange.root = "/srv/nbgrader/exchange"
    c.CourseDirectory.db_url = "postgresql+psycopg2://grader@localhost/gradebook"
"""

import os
import sys

from autograder.cells import STUB

c = get_config()  # noqa: F821  (nbgrader provides it)

# --- where things are -------------------------------------------------------------------------

# The folder of this file, wherever a command is started.
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
# Name of the course in the exchange.
c.CourseDirectory.course_id = "on-device"
# While another program writes, wait for a minute: SQLite's own 5 seconds would end a whole batch.
# `nbgrader db upgrade` cannot read such an address: give it `--db sqlite:///gradebook.db`.
c.CourseDirectory.db_url = f"sqlite:///{c.CourseDirectory.root}/gradebook.db?timeout=60"
# nbgrader starts `alembic` by name; this Python's programs need not be on the instructor's PATH.
# (Formgrader reads this file at every request.)
programs, path = os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)
if programs not in path.split(os.pathsep):
    os.environ["PATH"] = programs + os.pathsep + path

# --- handing out ------------------------------------------------------------------------------

# What learners find in place of a solution; with nbgrader's own, a cell raises until it is solved.
c.ClearSolutions.code_stub = {"python": STUB}

# --- collecting -------------------------------------------------------------------------------

# Links in a submission stay behind, and one that cannot be copied does not stop the others.
c.ExchangeFactory.collect = "autograder.plugins.Collect"

# --- grading ----------------------------------------------------------------------------------

# Whatever was handed in becomes our own cells with the learner's answers in them, so that damaged
# notebooks, changed metadata and doubled grade ids cannot stop a batch.
c.Autograde.pre_convert_hook = "autograder.plugins.prepare"
c.Autograde.exporter_class = "autograder.plugins.SubmissionExporter"
# No kernel runs beside the gradebook: JudgeSubmission grades in the sandbox, like `course grade`.
c.Autograde.autograde_preprocessors = [
    "autograder.plugins.JudgeSubmission",
    "nbgrader.preprocessors.IgnorePattern",
    "autograder.plugins.SaveScores",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# nbgrader gives no points to a cell that wrote to stderr. Ours never do; whoever adds a
# preprocessor that runs cells is spared the surprise.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "(?s)."
# A check that is in the gradebook and not in the notebook is put back and gets no points.
c.OverwriteCells.add_missing_cells = True

load_subconfig("instructor_config.py")  # noqa: F821  (nbgrader provides it, and lets it be missing)
