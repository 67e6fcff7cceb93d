"""One picture several times in one hand-in: a set that lies twice in a zip, and pictures with two labels."""

import pytest

from tests.data.ingest.test_intake import photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import zip_entries
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import count_classes, load_items, load_labels
from transfer_core.data.labels.disputes import decide, find_disputes
from transfer_core.errors import DataError


@pytest.fixture
def project(workspace):
    return workspace.create_project("Test")


@pytest.fixture
def take(workspace, project):
    def take(files: dict[str, bytes], **options):
        return take_in(workspace, project, zip_entries(make_zip(files), "x.zip"), lambda *_: None, **options)

    return take


SET = {
    f"{part}/{name}/{n}.png": photo(10 * k + n)
    for k, (part, name) in enumerate([("train", "ant"), ("train", "bee"), ("test", "ant"), ("test", "bee")])
    for n in range(3)
}
TWO = {
    "ant/1.png": photo(1),
    "ant/x.png": photo(9),
    "ant/y.png": photo(9),
    "bee/2.png": photo(2),
    "bee/x.png": photo(9),
}


@pytest.mark.parametrize("other", ["set/", "set - Copy/", "a/b/"])
def test_a_set_that_is_there_twice_comes_in_once(project, take, other):
    files = SET | {other + path: content for path, content in SET.items()}
    for added in (12, 0):
        report = take(files)
        assert (report.photos, report.added, report.classes) == (12, added, {"ant": 6, "bee": 6})
        assert len(report.rejected) == 12 and "the same photo as" in report.rejected[0].reason
        [said] = report.said
        assert said.startswith("12 files repeat others of the same name in another folder, byte for byte.")
    assert len(load_items(project)) == 12


def test_folds_bring_each_photo_once(project, take):
    files = {}
    for fold in range(3):
        for n in range(6):
            part = "val" if n % 3 == fold else "train"
            files[f"fold{fold}/{part}/{('ant', 'bee')[n % 2]}/{n}.png"] = photo(n)
    report = take(files)
    assert (report.photos, report.classes) == (6, {"ant": 3, "bee": 3})
    assert {item.part for item in load_items(project)} == {None} and "cross-validation" in report.said[0]


def test_a_copy_by_another_name_and_one_in_another_part_stay_photos(take):
    report = take(
        {
            "train/ant/1.png": photo(1),
            "train/ant/1 copy.png": photo(1),
            "train/bee/2.png": photo(2),
            "val/ant/1.png": photo(1),
            "val/bee/3.png": photo(3),
        }
    )
    assert (report.photos, report.rejected, report.said) == (5, [], [])


def test_one_picture_in_two_classes_is_left_out_and_said_each_time(project, take):
    for _ in range(2):
        report = take(TWO, may_contradict=True)
        assert count_classes(load_items(project)) == report.classes == {"ant": 1, "bee": 1}
        assert report.photos == 2 and report.items == {item.id for item in load_items(project)}
        assert {entry.file: entry.reason for entry in report.rejected} == dict.fromkeys(
            ("ant/x.png", "ant/y.png", "bee/x.png"),
            "the same picture is in 'ant' and in 'bee', so it is left out until you decide",
        )
        assert (report.disputed, report.said) == (1, [])
    assert report.added == 0 and len(load_labels(project).actions) == 1
    [dispute] = find_disputes(project)
    assert [item.path for item in dispute.items] == ["ant/x.png", "ant/y.png", "bee/x.png"]
    assert edits.describe(load_labels(project).actions[0]) == "3 photos left out: the same picture in two classes"


def test_what_was_decided_stays(project, take):
    take(TWO)
    [dispute] = find_disputes(project)
    action = decide(project, [dispute.photo], "ant")
    assert count_classes(load_items(project)) == {"ant": 3, "bee": 1} and find_disputes(project) == []
    report = take(TWO, may_contradict=True)
    assert report.disputed == 0 and count_classes(load_items(project)) == {"ant": 3, "bee": 1}
    edits.undo(project, action)
    assert find_disputes(project) == [dispute]
    decide(project, [dispute.photo], None)
    assert find_disputes(project) == [] and count_classes(load_items(project)) == {"ant": 1, "bee": 1}
    assert take(TWO, may_contradict=True).disputed == 0


def test_an_undecided_picture_is_said_also_where_only_one_copy_comes_again(project, take):
    take(TWO)
    mended = {path: content for path, content in TWO.items() if path != "bee/x.png"}
    report = take(mended, may_contradict=True)
    assert (report.photos, report.classes, report.disputed) == (2, {"ant": 1, "bee": 1}, 1)
    assert {entry.file for entry in report.rejected} == {"ant/x.png", "ant/y.png", "bee/x.png"} & {*mended}
    assert find_disputes(project)


def test_a_copy_without_a_class_is_left_out_with_the_others(project, take):
    report = take(TWO | {"x.png": photo(9)}, unlabelled=True)
    assert (report.photos, report.unlabelled, report.classes) == (2, 0, {"ant": 1, "bee": 1})
    [dispute] = find_disputes(project)
    assert [item.class_name for item in dispute.items].count(None) == 1 and len(load_items(project)) == 2


def test_a_picture_of_classes_that_are_merged_later_is_not_forgotten(project, take):
    take(TWO)
    edits.rename_class(project, "bee", "ant")
    [dispute] = find_disputes(project)
    assert dispute.in_words() == "the same picture came in with two classes, which are both 'ant' now"
    decide(project, [dispute.photo], "ant")
    assert find_disputes(project) == [] and count_classes(load_items(project)) == {"ant": 5}


def test_what_is_left_of_a_picture_after_one_copy_was_removed_by_hand_is_decided(project, take):
    take(TWO)
    [dispute] = find_disputes(project)
    edits.remove(project, [item.id for item in dispute.items if item.class_name == "bee"])
    assert find_disputes(project) == []


@pytest.mark.parametrize(("photos", "name"), [([], "ant"), (["0" * 64], "ant"), (None, "wasp")])
def test_only_what_is_undecided_can_be_decided_and_only_for_its_classes(project, take, photos, name):
    take(TWO)
    [dispute] = find_disputes(project)
    with pytest.raises(DataError):
        decide(project, [dispute.photo] if photos is None else photos, name)
    assert find_disputes(project) == [dispute]


def test_two_labels_in_two_parts_are_a_contradiction_too(project, take):
    take(
        {"train/ant/1.png": photo(1), "train/bee/2.png": photo(2), "val/bee/1.png": photo(1), "val/ant/3.png": photo(3)}
    )
    assert len(find_disputes(project)) == 1 and count_classes(load_items(project)) == {"ant": 1, "bee": 1}


def test_labels_that_were_mended_by_hand_are_no_contradiction(project, take):
    take({path: content for path, content in TWO.items() if path != "bee/x.png"})
    edits.relabel(project, [item.id for item in load_items(project) if item.path[4] in "xy"], "bee")
    take(TWO, may_contradict=True)
    assert find_disputes(project) == [] and count_classes(load_items(project)) == {"ant": 1, "bee": 3}


def test_where_every_photo_is_of_two_classes_nothing_can_be_used(take):
    with pytest.raises(DataError, match="the same picture is in 'ant' and in 'bee'"):
        take({"ant/1.png": photo(1), "bee/1.png": photo(1)})
