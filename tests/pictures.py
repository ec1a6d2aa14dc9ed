"""Draw README's pictures from the real thing: run the browser test and keep two screenshots."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = {"home_900.png": "home.png", "card_not_yet.png": "card.png"}


def main():
    test = ["tests/test_learner_path.py", "-k", "finds_progress_again"]
    subprocess.run([sys.executable, "-m", "pytest", "-q", *test], cwd=ROOT, check=True)
    target = ROOT / ".github" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    for shot, picture in PICTURES.items():
        print(shutil.copy(ROOT / "test-output" / "learner_path" / shot, target / picture))


if __name__ == "__main__":
    main()
