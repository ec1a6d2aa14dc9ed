"""Run benchmarks by name: ``course bench [NAME …]``. Each is a module here with ``measure()``."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names():
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def run(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(f"{name}: {(module.__doc__ or '').splitlines()[0]}")
    for label, figure in module.measure():
        print(f"  {label:<58} {figure}", flush=True)


def main():
    asked = sys.argv[1:] or names()
    unknown = sorted(set(asked) - set(names()))
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there is {', '.join(names())}.")
    for name in asked:
        run(name)


if __name__ == "__main__":
    main()
