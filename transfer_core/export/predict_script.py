"""Says which class each photo shows.

Needs Python 3.9 or newer and two packages: pip install onnxruntime pillow   (for HEIC photos one more: pi-heif)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime looks at it when it is imported
try:
    import onnxruntime
    from read_photo import UnreadablePhoto, load_rgb  # the file beside this one
except ImportError as error:
    sys.exit(f"{error}. Install what is needed: pip install --upgrade onnxruntime pillow")

HERE = Path(__file__).resolve().parent
SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir")  # and hidden ones: nobody's photos
BREAKING = ("Cc", "Zl", "Zp")  # Unicode's kinds of characters that would end a line or a cell, or steer a terminal


def main() -> int:
    """Answers on stdout, complaints on stderr; returns 0 if at least one photo was answered, else 1."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description="Prints a line for each photo: its name, the class, and how sure the model is (0 to 1), "
        "with tabs between them.",
    )
    parser.add_argument("photos", nargs="+", metavar="photo", help="a photo, or a folder with photos at any depth")
    names = parser.parse_args().photos
    class_names = json.loads((HERE / "class_names.json").read_text("utf-8"))
    model = load_model()
    answered = 0
    for path in find_photos(names):
        try:
            with open(path, "rb") as file:
                photo = load_rgb(file)
        except (UnreadablePhoto, OSError) as error:
            complain(path, error)
            continue
        confidences = model.run(["confidences"], {"photo": photo[None]})[0][0]
        best = confidences.argmax()
        print(cell(path), cell(class_names[best]), f"{confidences[best]:.6f}", sep="\t")
        answered += 1
    return 0 if answered else 1


def load_model() -> onnxruntime.InferenceSession:
    """The model beside this script, on the processor: the same answers on every machine."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(HERE / "model.onnx"), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class of their own
        sys.exit(
            f"model.onnx cannot be loaded by onnxruntime {onnxruntime.__version__} ({cell(str(error))}). "
            "Unpack the zip again, or: pip install --upgrade onnxruntime"
        )


def find_photos(names: list[str]) -> Iterator[str]:
    """The files named, and those in the folders named, at any depth and in order of their names."""
    for name in names:
        if not os.path.isdir(name):
            yield name
            continue
        empty = True
        for folder, subfolders, files in os.walk(name, onerror=lambda error: complain(error.filename, error)):
            subfolders[:] = sorted(filter(is_meant, subfolders))
            for file in sorted(filter(is_meant, files)):
                empty = False
                yield os.path.join(folder, file)
        if empty:
            complain(name, "a folder without photos")


def is_meant(name: str) -> bool:
    """Whether a file or folder within a folder may be a photo, or hold some, and was not left by a system."""
    return not name.startswith(".") and name.lower() not in SYSTEM_FILES


def complain(name: str, reason: object) -> None:
    """Says on stderr, in one line, what cannot be answered and why."""
    if isinstance(reason, OSError) and reason.strerror:
        reason = reason.strerror
    print(f"{cell(name)}: {cell(str(reason))}", file=sys.stderr)


def cell(text: str) -> str:
    r"""The text in one cell of one line: a tab in it is shown as `\t`, the end of a line as `\n`."""
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in BREAKING else c for c in str(text))


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the answers has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
