"""What the columns of a table mean, and what each of its rows says of a photo. Pure functions; no torch."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from transfer_core.data.ingest.folder_layout import ParsedLabel, tidy_class_name
from transfer_core.data.ingest.table_cells import several_choices
from transfer_core.errors import DataError
from transfer_core.support.text import plain

Lines = Sequence[tuple[int, list[str]]]

# Column names that mean the same; capitals, spaces, "_" and "-" make no difference. The first that is there counts.
_COLUMNS = {
    "file": (
        *("file", "filename", "filepath", "filepaths", "image", "imagename", "imagepath", "imagefile", "imagefilename"),
        *("img", "imgname", "imgpath", "imgfile", "picture", "photo", "photoname", "path", "gcsuri", "gcsfileuri"),
        *("imageurl", "uri", "url", "imageid", "imgid", "photoid", "fname", "id"),
    ),
    "label": (
        *("label", "class", "classname", "classlabel", "category", "categoryname", "target", "species", "choice"),
        *("labels", "classes", "breed", "tag", "tags", "labelname"),
    ),
    "part": (
        *("part", "split", "subset", "mluse", "set", "dataset", "datasplit", "splitset", "partition", "phase", "usage"),
        *("isvalid", "isval", "isvalidation", "istest"),
    ),
    "group": ("group", "groupid", "patient", "patientid", "subject", "subjectid"),
}
_PARTS = {
    **dict.fromkeys(("train", "training", "trainset", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "valset"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "tst"), "test"),
    **dict.fromkeys(("", "unassigned", "none", "nan"), None),
}
_YES, _NO = ("true", "1", "yes", "t", "1.0"), ("false", "0", "no", "f", "0.0", "")
_CERTAINLY_PARTS = ("part", "split", "subset", "mluse")  # what else they hold is a mistake; of others, another meaning
_ONE_HOT = {"1", "1.0", "true", "0", "0.0", "false", ""}
_NO_CLASS = "unlabeled"  # Roboflow's column for photos without one
_PHOTO = re.compile(r"(gs://|https?://|.*\.(jpe?g|png|webp|gif|bmp|tiff?|heic)$)", re.IGNORECASE)
_LISTED = 6


@dataclass(frozen=True)
class LabelRow:
    """One row.

    Args:
        number: Line in the file, from 1, as an editor counts them.
        file: Path or name of the photo; untrusted text.
        place: None where the row says no class, or several.
        problem: Why.
    """

    number: int
    file: str
    place: ParsedLabel | None
    problem: str = ""


@dataclass(frozen=True)
class Columns:
    """Where in a line each meaning stands.

    Args:
        at: Place by meaning: "file", "label", "part", "group"; no "label" where each class has a column.
        one_hot: Place by class, in such a table.
        part_name: What the column of the part is called.
        first: Which line is the first with a photo.
        may_lack_labels: Whether photos that nobody has labelled yet are in it, too.
    """

    at: dict[str, int]
    one_hot: dict[int, str] = field(default_factory=dict)
    part_name: str = ""
    first: int = 1
    may_lack_labels: bool = False


def rows_of(lines: Lines, name: str, *, damaged_allowed: bool = False) -> tuple[list[LabelRow], list[str]]:
    """Its rows, and what must be said of the table.

    Args:
        damaged_allowed: Whether labels may hold the signs that stand for lost letters.

    Raises:
        DataError: No columns for file and label, a row without one of them, a part by another name, or labels that
            could not be told apart or would be changed.
    """
    columns, said = _columns(lines, name)
    body = lines[columns.first :]
    if not body:
        raise DataError(f"{name} has no rows below its header. Add one for each photo: its file, its label.")
    rows = [_row(number, line, columns, name) for number, line in body]
    written = [(number, _written(line, columns)) for number, line in body]
    said += check_labels([(number, label) for number, label in written if label], name, damaged_allowed)
    return rows, said


def check_labels(labels: Sequence[tuple[int, str]], name: str, damaged_allowed: bool = False) -> list[str]:
    """Makes sure that no label changes or becomes another's without a word; returns what must be said.

    Args:
        labels: (line, label as the table has it).

    Raises:
        DataError: Two labels that look alike, one with control characters, or one whose letters were lost before.
    """
    first: dict[str, int] = {}
    for number, label in labels:
        first.setdefault(label, number)
    by_class: dict[str, list[str]] = defaultdict(list)
    said = []
    for label, number in first.items():
        tidy = tidy_class_name(label)
        shown = plain(label)[:60]
        if any(unicodedata.category(sign) == "Cc" for sign in label.strip()):
            raise DataError(
                f"Line {number} of {name}: the label '{shown}' has a control character in it, which often comes of a "
                "wrong encoding. Choose another with --encoding, or mend the label."
            )
        if not damaged_allowed and ("\ufffd" in label or not label.strip("? ")):
            raise DataError(
                f"Line {number} of {name}: letters of the label '{shown}' were lost when the table was saved. Save it "
                "again from its source as UTF-8; or take it as it is with --encoding utf-8."
            )
        if unicodedata.normalize("NFC", label.strip()) != tidy:
            said.append(
                f"In {name}, spaces or invisible characters of the label '{shown}' (line {number}) are left out."
            )
        by_class[tidy].append(label)
    for tidy, found in by_class.items():
        if len({unicodedata.normalize("NFC", label.strip()) for label in found}) > 1:
            lines = " and ".join(str(first[label]) for label in found[:2])
            raise DataError(
                f"Two labels of {name} look alike, '{tidy[:60]}', but differ in spaces or invisible characters: lines "
                f"{lines}. Write them alike, or as two words."
            )
        if len(found) > 1:
            told = (
                f"'{tidy[:60]}' stands in {name} in {len(found)} spellings that look alike, and is taken as one class."
            )
            said.append(told)
    return said


def _columns(lines: Lines, name: str) -> tuple[Columns, list[str]]:
    header = lines[0][1] if lines else []
    if without := _without_header(lines, name):
        return without
    keys = [_key(cell) for cell in header]
    found = {
        meaning: [keys.index(known) for known in known_names if known in keys]
        for meaning, known_names in _COLUMNS.items()
    }
    at = {meaning: places[0] for meaning, places in found.items() if places}
    said: list[str] = []
    part_name, part_said = _part_column(lines, header, found["part"], name)
    if not part_name:
        at.pop("part", None)
    else:
        at["part"] = header.index(part_name)
    said += part_said
    rest = [place for place, key in enumerate(keys) if key and place not in at.values()]
    one_hot: dict[int, str] = {}
    if "file" in at and "label" not in at:
        one_hot = _one_hot(lines, header, [place for place in rest if place not in found["part"]])
        if not one_hot and len(rest) == 1 and rest[0] not in found["part"]:
            at["label"] = rest.pop()
            said.append(f"The label is taken from the column '{plain(header[at['label']])[:30]}' of {name}.")
    if "file" not in at or not ("label" in at or one_hot):
        raise DataError(_missing_columns(header, {"file", "label"} - at.keys(), name))
    unused = [place for place in rest if place not in one_hot and place not in found["part"]]
    if unused and (shown := [plain(header[place])[:30] for place in unused if plain(header[place])]):
        more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
        said.append(f"Columns of {name} that are not used: {', '.join(shown[:_LISTED])}{more}.")
    may_lack_labels = "label" in at and keys[at["label"]] == "choice"  # Label Studio's, which exports every task
    return Columns(at, one_hot, part_name, may_lack_labels=may_lack_labels), said


def _missing_columns(header: Sequence[str], absent: set[str], name: str) -> str:
    got = ", ".join(f"'{plain(cell)[:30]}'" for cell in header[:_LISTED]) or "nothing"
    return (
        f"{name} needs a first line with a column 'file' and a column 'label'; it has {got}, so "
        f"{' and '.join(sorted(absent))} cannot be found. Rename the columns."
    )


def _key(cell: str) -> str:
    return re.sub(r"[\s_\-]", "", plain(cell).lower())


def _without_header(lines: Lines, name: str) -> tuple[Columns, list[str]] | None:
    """The columns of a table that begins with a photo: file and label, in front of them perhaps the part."""
    first = [cell.strip() for cell in lines[0][1]] if lines else []
    told = f"{name} has no first line with names of columns; the columns are taken as "
    if len(first) >= 2 and _PHOTO.match(first[0]):
        return Columns({"file": 0, "label": 1}, first=0), [f"{told}file and label."]
    if len(first) >= 3 and first[0].lower() in _PARTS and _PHOTO.match(first[1]):
        return Columns({"part": 0, "file": 1, "label": 2}, part_name="part", first=0), [f"{told}part, file and label."]
    return None


def _part_column(lines: Lines, header: Sequence[str], places: Sequence[int], name: str) -> tuple[str, list[str]]:
    """The name of the column that says the part; of those that seem to and do not, what is to be said."""
    chosen, said = "", []
    for place in places:
        key = _key(header[place])
        values = {line[place].strip().lower() for _, line in lines[1:] if place < len(line)}
        known = {*_YES, *_NO} if key.startswith("is") else _PARTS.keys()
        if not chosen and (key in _CERTAINLY_PARTS or (values <= set(known) and any(values))):
            chosen = header[place]
        else:
            said.append(f"The column '{plain(header[place])[:30]}' of {name} is not used: it does not say the part.")
    for place, cell in enumerate(header):
        if re.fullmatch(r"k?folds?(id|number|no)?", _key(cell)) and place not in places:
            said.append(f"The column '{plain(cell)[:30]}' of {name} names folds, which are not used.")
    return chosen, said


def _one_hot(lines: Lines, header: Sequence[str], places: Sequence[int]) -> dict[int, str]:
    """The columns that are classes: with 1 where the photo is of it, and 0."""
    found = {
        place: header[place].strip()
        for place in places
        if len(lines) > 1
        and all(place < len(line) and line[place].strip().lower() in _ONE_HOT for _, line in lines[1:])
        and any(line[place].strip() for _, line in lines[1:])
    }
    return found if len(found) > 1 else {}


def _row(number: int, line: Sequence[str], columns: Columns, name: str) -> LabelRow:
    cells = {meaning: line[i].strip() if i < len(line) else "" for meaning, i in columns.at.items()}
    for meaning in columns.at.keys() & {"file", "label"}:
        if not cells[meaning] and not (meaning == "label" and columns.may_lack_labels):
            raise DataError(f"Line {number} of {name} has no {meaning}. Fill it in, or delete the line.")
    part = _part(number, cells.get("part", ""), columns.part_name, name)
    group = plain(cells.get("group", "")) or None
    if columns.one_hot:
        classes = [label for place, label in columns.one_hot.items() if line[place].strip().lower() in _YES]
        classes = [label for label in classes if _key(label) != _NO_CLASS]
    else:
        classes = [label for label in several_choices(cells["label"]) or [cells["label"]] if label]
    if len(classes) == 1:
        return LabelRow(number, cells["file"], ParsedLabel(part, tidy_class_name(classes[0]), group))
    listed = ", ".join(plain(label)[:30] for label in classes[:_LISTED])
    told = f"several classes in one row: {listed}" if classes else "no class in its row"
    return LabelRow(number, cells["file"], None, f"line {number} of {name}: {told}")


def _written(line: Sequence[str], columns: Columns) -> str:
    """The label as the table has it."""
    if columns.one_hot:
        return next((label for place, label in columns.one_hot.items() if line[place].strip().lower() in _YES), "")
    label = line[columns.at["label"]]
    return "" if several_choices(label) else label


def _part(number: int, value: str, column: str, name: str) -> str | None:
    told = value.lower()
    if _key(column).startswith("is"):
        other = "test" if "test" in _key(column) else "val"
        return (other if told in _YES else "train") if told else None
    if told not in _PARTS:
        raise DataError(
            f"Line {number} of {name} has '{plain(value)[:30]}' in the column '{plain(column)[:30]}', which may only "
            "hold train, val, test or nothing. Change it, or leave the column out."
        )
    return _PARTS[told]
