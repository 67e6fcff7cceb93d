"""Groups that names seem to speak of: asked where they shout it, and not where running numbers only look like it."""

import pytest

from transfer_core.data.labels.dataset import labelled, new_item
from transfer_core.data.splits.group_suggestion import suggest_pattern
from transfer_core.data.splits.groups import name_groups
from transfer_core.data.splits.split import make_split
from transfer_core.support import safe_regex


def photos(*paths: str):
    """Photos of the class that their first folder names."""
    return labelled(new_item(path, path, path, path.split("/")[0], None, (9, 9)) for path in paths)


def each(form: str, groups=range(1, 13), shots=range(1, 5), classes=("ill", "well")):
    """Paths of this form: half of the groups are of one class, half of the other."""
    return [form.format(c=classes[g % len(classes)], g=g, n=n, l="abcd"[n % 4]) for g in groups for n in shots]


@pytest.mark.parametrize(
    ("paths", "pattern", "first", "last"),
    [
        (each("{c}/p{g:02}_{n}.jpg"), r"(?:^|/)(p\d+)(?:[-_ (][^/]*|[A-Za-z]\.[^/.]*)$", "p01", "p12"),  # patients
        (each("{c}/Patient {g} ({n}).jpg"), None, "Patient 1", "Patient 12"),
        (each("{c}/subj-{g:03}-{n}.png"), None, "subj-001", "subj-012"),
        (each("{c}/plant{g}_leaf{n}.jpg", range(2, 30)), None, "plant2", "plant29"),
        (each("{c}/obj{g}__{n}.png"), None, "obj1", "obj12"),  # objects on a turntable
        (each("{c}/burst{g:02}-{n:03}.jpg"), None, "burst01", "burst12"),
        (each("{c}/{g:04}_{l}.jpg"), None, "0001", "0012"),  # eyes: left and right
        (each("{c}/{g}{l}.jpg"), None, "1", "12"),
        (each("{c}/p{g}{l}.jpg"), None, "p1", "p12"),
        ([f"{c}/p{g:02}_{n}.jpg" for c in ("up", "down") for g in range(9) for n in (1, 2)], None, "p00", "p08"),
        (each("{c}/p{g:02}/IMG_{n:04}.jpg"), r"(?:^|/)(p\d+)/[^/]*$", "p01", "p12"),
        (
            each("{c}/IMG_{g:04}_jpg.rf.{n:032x}.jpg"),
            r"([^/]+)\.rf\.[0-9A-Za-z]+\.[^/]*$",
            "IMG_0001_jpg",
            "IMG_0012_jpg",
        ),
        ([*each("{c}/person{g}_{n}.jpg"), *each("{c}/IM-{g:04}-{n}.jpg")], None, "IM-0001", "person12"),
        (each("rose/rose{g}_{n}.jpg") + each("tulip/tulip{g}_{n}.jpg"), None, "rose1", "tulip12"),  # single plants
    ],
)
def test_names_that_several_photos_share_are_found(paths, pattern, first, last):
    items = photos(*paths)
    found = suggest_pattern(items)
    assert found and (found.first, found.last) == (first, last)
    assert pattern in (None, found.pattern) and safe_regex.problem_of(found.pattern) is None
    assert len({item.group for item in name_groups(items, found.pattern)} - {None}) == found.groups
    split = make_split(items, 0.25, 0, group_pattern=found.pattern)  # what is offered can be done
    assert not {item.group for item in split.train} & {item.group for item in split.val}


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["ill/p01_1.jpg"],
        each("{c}/IMG_{g:04}.jpg", range(60), [0]),  # camera counters
        each("{c}/DSC_{g:04} (1).jpg", range(60), [0]),
        each("{c}/P10{g:05}.JPG", range(60), [0]),
        each("{c}/10{g}_{n:04}.JPG", range(2), range(30)),
        each("{c}/{g:05}.png", range(60), [0]),  # running numbers
        [f"{c}/{g:03}_small.jpg" for c in ("ill", "well") for g in range(30)],  # of each class anew
        [f"{c}/{g:03}_{c}.jpg" for c in ("ill", "well") for g in range(30)],
        each("{c}/{g}00{n}_f52e8ee07_n.jpg"),  # ids of a photo site
        each("{c}/p{g:02}_left.jpg", range(40), [0]),  # one photo of each
        [f"{c}/p01_{n}.jpg" for c in ("ill", "well") for n in range(40)],  # one group
        each("{c}/p{g:02}_{n}.jpg", range(3)),  # too few groups to split by
        each("{c}/{c}_{n:03}.jpg", range(2), range(40)),  # class names
        each("class{g}/class{g}_{n:03}.jpg", range(6), range(9)),
        each("class{g}/{n:03}.jpg", range(6), range(9)),
        each("{c}/IMG_202401{g:02}_1200{n:02}.jpg"),  # dates
        each("{c}/IMG-202401{g:02}-WA{n:04}.jpg"),
        each("{c}/2024-01-{g:02} 12.00.{n:02}.jpg"),
        each("{c}/2024-01-{g:02}/{n}.jpg"),
        each("{c}/{g:02}-01-2024_{n}.jpg"),
        each("{c}/Screenshot 20{g:02}-01-{n:02} at 9.jpg", range(10, 20)),
        each("{c}/12-{g:02}-{n:02}.jpg"),  # times of day
        each("{c}/{g:02}-{n:02}-07.jpg"),
        each("{c}/IMG_{g:04}_jpg.rf.{n:032x}.jpg", range(60), [0]),  # one version of each
        each("{c}/anna_{n}.jpg") + each("{c}/ben_{n}.jpg"),  # words may be anything: views, tools, classes
        [*each("{c}/p{g:02}_{n}.jpg"), *(f"ill/other{n}.jpg" for n in range(30))],  # a third speaks of nothing
        [*each("ill/p{g:02}_{n}.jpg"), *(f"well/p99_{n}.jpg" for n in range(9))],  # a class in one group has no split
        [f"camera/{g:08x}-{n}.jpg" for g in (0xA3, 0xB4) for n in range(30)],  # our own recordings
    ],
)
def test_other_names_are_left_alone(paths):
    assert suggest_pattern(photos(*paths)) is None


def test_names_that_are_no_text_do_no_harm():
    assert suggest_pattern(photos(*(f"ill/p{n:02}\udce9_{n % 2}.jpg" for n in range(20)))) is None
