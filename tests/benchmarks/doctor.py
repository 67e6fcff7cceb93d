"""Whether the doctor finds what was planted in a copy of a photo set, and nothing in clean ones.

    python -m tests.benchmarks.doctor DATA... [--noise 0.05] [--seed 0] [--drawn 10]

In a copy of each set (folders of classes, parts allowed) are planted: wrong labels, 20 resized and re-compressed and 10
mirrored copies, some in another class and some in another part, 10 blurred photos, 10 truncated files, and a border
around the photos of one class. Then ten drawn sets are looked at, in which nothing is to be found.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from transfer_core.data.sample_set import draw_sample_set
from transfer_core.services.doctor import Diagnosis, examine_data
from transfer_core.workspace import Workspace

_ENDINGS = {".jpg", ".jpeg", ".png"}


def plant(data: Path, out: Path, noise: float, seed: int) -> dict:
    """The copy in `out`, and what was planted: paths by kind."""
    chance = random.Random(seed)
    files = sorted(path.relative_to(data) for path in data.rglob("*") if path.suffix.lower() in _ENDINGS)
    classes = sorted({file.parent.name for file in files})
    planted: dict = {"wrong": {}, "copies": [], "blurred": [], "truncated": [], "border": classes[-1]}
    chance.shuffle(files)
    wrong = set(files[: round(noise * len(files))])
    for file in files:
        target = file
        if file in wrong:
            target = file.parent.parent / chance.choice([name for name in classes if name != file.parent.name])
            target = target / f"w_{file.name}"
            planted["wrong"][str(target)] = file.parent.name
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        if target.parent.name == planted["border"]:
            with Image.open(data / file) as image:
                bordered = ImageOps.expand(image.convert("RGB"), round(0.04 * min(image.size)), "white")
                bordered.save((out / target).with_suffix(".jpg"), quality=90)
        else:
            shutil.copyfile(data / file, out / target)
    rest = [file for file in files if file not in wrong and file.parent.name != planted["border"]]
    for number, file in enumerate(rest[:30]):
        folder = file.parent
        if number % 5 == 0:  # in another class
            folder = file.parent.parent / chance.choice([name for name in classes if name != file.parent.name])
        elif number % 5 == 1 and len(file.parts) > 2:  # in another part
            folder = Path("val" if file.parts[0] == "train" else "train") / file.parent.name
        target = folder / f"c{number}_{file.stem}.jpg"
        with Image.open(data / file) as image:
            image = image.convert("RGB")
            if number < 20:
                image.resize((image.width // 2, image.height // 2)).save(out / target, quality=45)
            else:
                ImageOps.mirror(image).save(out / target, quality=90)
        planted["copies"].append((str(file), str(target)))
    for number, file in enumerate(rest[30:50]):
        target = file.parent / f"b{number}_{file.stem}.jpg"
        if number < 10:
            with Image.open(data / file) as image:
                image.convert("RGB").filter(ImageFilter.GaussianBlur(6)).save(out / file, quality=90)
            planted["blurred"].append(str(file))
        else:
            content = (data / file).read_bytes()
            (out / target).write_bytes(content[: len(content) // 2])
            planted["truncated"].append(str(target))
    return planted


def judge(planted: dict, found: Diagnosis) -> None:
    by_kind: dict[str, list] = {}
    for finding in found.findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    wrong = planted["wrong"]
    flags = [file for finding in by_kind.get("wrong_label", []) for file in finding.files]
    suggested = {path: name for finding in by_kind.get("wrong_label", []) for path, name in finding.suggested.items()}
    stem = {str(Path(path).with_suffix("")): name for path, name in wrong.items()}
    first = [str(Path(path).with_suffix("")) for path in flags[: 2 * len(wrong)]]
    hit = [path for path in first if path in stem]
    right = [path for path in flags if stem.get(str(Path(path).with_suffix(""))) == suggested[path]]
    print(f"  wrong labels: {len(wrong)} planted, {len(flags)} flags, {len(hit)} in the first {2 * len(wrong)}", end="")
    print(f" ({len(hit) / max(1, len(wrong)):.0%}, at least 80 %), {len(right)} with the right class suggested")
    pairs = {tuple(sorted(pair)) for pair in planted["copies"]}
    near = [
        set(finding.files)
        for kind in ("near_duplicate", "near_duplicate_across_parts", "duplicate_across_classes")
        for finding in by_kind.get(kind, [])
    ]
    caught = [pair for pair in pairs if any(set(pair) <= one for one in near)]
    others = [one for one in near if not any(set(pair) <= one for pair in pairs)]
    print(f"  copies: {len(caught)} of {len(pairs)} found, {len(others)} other clusters (at most 2)")
    for one in others[:6]:
        print(f"    {sorted(one)}")
    rejected = {entry.file for entry in found.rejected}
    print(f"  truncated: {sum(file in rejected for file in planted['truncated'])} of {len(planted['truncated'])}")
    named = [finding.says for finding in by_kind.get("shortcut", [])]
    print(f"  border of '{planted['border']}': {named or 'NOT NAMED'}")
    blurred = {file for finding in by_kind.get("blurry", []) for file in finding.files}
    print(f"  blurred: {len(blurred & set(planted['blurred']))} of {len(planted['blurred'])}, {len(blurred)} flagged")
    print(f"  all: {Counter(finding.kind for finding in found.findings)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drawn", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "home")
        for data in options.data:
            out = Path(folder) / data.name
            planted = plant(data, out, options.noise, options.seed)
            print(data.name)
            began = time.perf_counter()
            found = examine_data(workspace, str(out), lambda *_: None, lambda *_: None)
            first = time.perf_counter() - began
            judge(planted, found)
            began = time.perf_counter()
            examine_data(workspace, found.project.id, lambda *_: None, lambda *_: None)
            print(f"  {found.photos} photos in {first:.1f} s, {time.perf_counter() - began:.1f} s once they are known")
        clean = 0
        for seed in range(options.drawn):
            out = Path(folder) / f"drawn {seed}"
            for path, content in draw_sample_set(12, seed + 1):
                (out / path).parent.mkdir(parents=True, exist_ok=True)
                (out / path).write_bytes(content)
            found = examine_data(workspace, str(out), lambda *_: None, lambda *_: None)
            clean += not found.findings
            for finding in found.findings:
                print(f"  drawn {seed}: {finding.kind}: {finding.says} {finding.files[:3]}")
        print(f"clean: nothing found in {clean} of {options.drawn} drawn sets")


if __name__ == "__main__":
    main()
