"""Says which class each photo shows.

Needs Python 3.9 or newer and two packages: pip install onnxruntime pillow   (for HEIC photos one more: pi-heif)
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime looks at it when it is imported
try:
    import numpy
    import onnxruntime
    from read_photo import UnreadablePhoto, load_rgb  # the folder beside this file
except ImportError as error:
    sys.exit(f"{error}. Install what is needed: pip install --upgrade onnxruntime pillow")
onnxruntime.disable_telemetry_events()  # on Windows, where the line above the import counts for nothing

HERE = Path(__file__).resolve().parent
SYSTEM_FILES = (  # and hidden ones: nobody's photos
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("__macosx", "icon\r", "network trash folder", "temporary items", "desktop db", "desktop df"),
    *("@eadir", "@recycle", "@tmp", "#recycle", "#snapshot", "lost+found", "lost.dir", "zbthumbnail.info"),
    *("picasa.ini", "__pycache__", "node_modules"),
)
BREAKING = ("Cc", "Zl", "Zp")  # Unicode's kinds of characters that would end a line or a cell, or steer a terminal


class Unanswered(Exception):
    """There is no answer for a file; its text says why."""


def main() -> int:
    """Answers on stdout, complaints on stderr; returns 0 if at least one photo was answered, else 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # unless somebody has put something of their own there
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description="Prints a line for each photo: its name, the class, and how sure the model is (0 to 1), "
        "with tabs between them.",
    )
    parser.add_argument("photos", nargs="+", metavar="photo", help="a photo, or a folder with photos at any depth")
    names = parser.parse_args().photos
    class_names = json.loads((HERE / "class_names.json").read_text("utf-8"))
    model, rendering = load_model(), load_rendering()
    answered = 0
    for path in find_photos(names):
        try:
            confidences = ask(model, path, rendering)
        except (Unanswered, UnreadablePhoto, OSError) as error:
            complain(path, error)
            continue
        best = confidences.argmax()
        print(cell(path), cell(class_names[best]), f"{confidences[best]:.6f}", sep="\t")
        answered += 1
    return 0 if answered else 1


def load_model() -> onnxruntime.InferenceSession:
    """The model beside this script, on the processor: the same answers on every machine."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised as well, and said here in one line
    try:
        return onnxruntime.InferenceSession(str(HERE / "model.onnx"), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no class in common
        sys.exit(
            f"model.onnx cannot be loaded by onnxruntime {onnxruntime.__version__} ({in_one_line(error)}). "
            "Unpack the zip again, or: pip install --upgrade onnxruntime"
        )


def load_rendering() -> dict:
    """What is black and white in pictures of more than 8 bits, and which page is meant, where training noted that."""
    path = HERE / "rendering.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def ask(model: onnxruntime.InferenceSession, path: str, rendering: dict) -> numpy.ndarray:
    """The model's confidences, float32 (classes,) in [0, 1], for the photo in a file.

    Raises:
        UnreadablePhoto, OSError, Unanswered: There is no answer for it, and why.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise Unanswered("not a plain file")  # a pipe would be waited for without end
    with open(path, "rb") as file:
        photo = load_rgb(file, rendering.get("scales"), rendering.get("page"))
    try:
        confidences = model.run(["confidences"], {"photo": photo[None]})[0][0]
    except Exception as error:  # for want of memory, above all
        height, width, _ = photo.shape
        raise Unanswered(f"the model failed at its {width} x {height} pixels ({in_one_line(error)})") from error
    if not numpy.isfinite(confidences).all():
        raise Unanswered("the model's answer is not a number (NaN)")
    return confidences


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
    return not name.startswith((".", "~$")) and name.lower() not in SYSTEM_FILES


def complain(name: str, reason: object) -> None:
    """Says on stderr, in one line, what cannot be answered and why."""
    if isinstance(reason, OSError) and reason.strerror:
        reason = reason.strerror
    print(f"{cell(name)}: {cell(reason)}", file=sys.stderr)


def cell(text: object) -> str:
    r"""The text in one cell of one line: a tab in it is shown as `\t`, the end of a line as `\n`."""
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in BREAKING else c for c in str(text))


def in_one_line(error: Exception) -> str:
    """What an exception says, without the ends of lines in it."""
    return " ".join(str(error).split())


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the answers has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
