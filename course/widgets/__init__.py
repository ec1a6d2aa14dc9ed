"""Interactive figures for notebooks; each leaves a still picture where no widget can run."""

from course.widgets.feature_scatter import FeatureScatter
from course.widgets.learning_curve import LearningCurve
from course.widgets.quiz import Quiz
from course.widgets.recording_player import RecordingPlayer
from course.widgets.threshold_explorer import ThresholdExplorer

__all__ = ["FeatureScatter", "LearningCurve", "Quiz", "RecordingPlayer", "ThresholdExplorer"]
