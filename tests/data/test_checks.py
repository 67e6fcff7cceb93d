import pytest

from transfer_core.data.checks import alike, class_warnings


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["cat", "dog"], []),
        (["cat", "Cat", "dog"], [("Cat", "cat")]),
        (["CAT", "dog", "Cat", "cat", "DOG"], [("CAT", "Cat", "cat"), ("DOG", "dog")]),
        (["Straße", "STRASSE"], [("STRASSE", "Straße")]),
        (["ärger", "Ärger", "arger"], [("Ärger", "ärger")]),
        ([], []),
    ],
)
def test_names_that_differ_in_capitals_only(names, groups):
    assert alike(names) == groups


def test_they_are_asked_about():
    said = [line for line in class_warnings({"Cats": 20, "cats": 20, "dogs": 20}) if "capitals" in line]
    assert said == [
        "'Cats' and 'cats' differ only in capitals. The model will treat them as different classes. Do they "
        "mean the same?"
    ]
