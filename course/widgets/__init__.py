"""Interactive figures for notebooks; each leaves a still picture where no widget can run."""

from course.widgets.camera import CameraCapture
from course.widgets.confusion_explorer import ConfusionExplorer
from course.widgets.feature_scatter import FeatureScatter
from course.widgets.gate_explorer import GateExplorer
from course.widgets.hex_view import HexView
from course.widgets.learning_curve import LearningCurve
from course.widgets.link_explorer import LinkExplorer
from course.widgets.microphone import MicrophoneCapture
from course.widgets.number_line import NumberLine
from course.widgets.prune_explorer import PruneExplorer
from course.widgets.quiz import Quiz
from course.widgets.recording_player import RecordingPlayer
from course.widgets.sensor_player import SensorPlayer
from course.widgets.threshold_explorer import ThresholdExplorer

__all__ = [
    "CameraCapture",
    "ConfusionExplorer",
    "FeatureScatter",
    "GateExplorer",
    "HexView",
    "LearningCurve",
    "LinkExplorer",
    "MicrophoneCapture",
    "NumberLine",
    "PruneExplorer",
    "Quiz",
    "RecordingPlayer",
    "SensorPlayer",
    "ThresholdExplorer",
]
