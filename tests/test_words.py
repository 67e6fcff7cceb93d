"""The words people read are those that a teacher's book uses; the wordings that nobody could tell apart stay away."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted([ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "transfer_core").rglob("*.py")])
# What is not said any more, and what is said instead.
RETIRED = {
    r"\b(kept?|keep(s|ing)?) (\w+ ){0,3}aside\b": "validation photos",
    r"\b(held|hold(s|ing)?) back\b": "test photos",
    r"\b(learn(s|ed|ing)?) from\b": "training photos",
    r"\bcheck(s|ed)? with\b": "validation photos",
    r"\blast test\b": "final test",
    r"\btest part\b": "test photos",
    r"\btak(e|es|en|ing) (\w+ )?along\b": "export",
    r"\bvariations?\b": "augmentation",
    r"\bnew part\b": "new layer",
    r"\b(told|tell(s|ing)?) (\w+ )?apart\b": "clear difference",
    r"\bmay learn\b": "strategy",
    r"\bpublic sets?\b": "public dataset",
    r"\b[Ss]ort photos\b": "Fix labels",
    r"\bvery likely\b": "probably",
    r"\bis like that\b": "match these filters",
    r"\bfrom nothing\b": "from scratch",
    r"\btaken for\b": "classified as, labelled",
    r"\bgo(es)? on (with|from|to)\b": "continue",
    r"[a-z]!(\s|$)": "a full stop",
    r"\d %(\W|$)": "90%, without a space",
    r"\bcolours alone\b": "colour and brightness alone",
    r"\b(far one gets|goes) without a network\b": "simple guesses",
    r"\b(made|written) anew\b": "Graft makes it again",
    r"\b[Nn]othing to look at\b": "no problems found",
    r"\b[Ss]hared folders\b": "Folders on this computer",
}
# The verdict is a value of the command line's JSON, which programs rely on; the others are the plain explanation of a
# term, or say in plain words what pretraining is.
ALLOWED = (
    "cannot be told apart",
    "the model learns from them",
    "already learned from a great many photos",
    "learns from your photos alone",
    "Go on to Train",
)
# Names that meant several things at once; the field has a word for each.
RETIRED_NAMES = {"knock", "settle", "Place", "Fold", "Reading", "Room"}


def literals(path: Path) -> list[tuple[int, str]]:
    """(line, text) of every string in the file but its docstrings; of an f-string the text between its fields."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [(node.lineno, node.value) for node in found if id(node) not in docs]


@cache
def said(path: Path) -> list[tuple[int, str]]:
    """What the file says to people, by line, without what is allowed; a paragraph of the README is one text."""
    if path.suffix == ".py":
        texts = literals(path)
    else:
        texts = [(0, paragraph.replace("\n", " ")) for paragraph in path.read_text("utf-8").split("\n\n")]
    for allowed in ALLOWED:
        texts = [(line, text.replace(allowed, "")) for line, text in texts]
    return texts


@pytest.mark.parametrize("retired", RETIRED)
def test_retired_wordings_are_not_said_to_people(retired):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:100]!r}"
        for path in [*CODE, ROOT / "README.md"]
        for line, text in said(path)
        if re.search(retired, text)
    ]
    assert not found, f"say '{RETIRED[retired]}' instead:\n" + "\n".join(found)


def test_retired_names_are_not_defined_again():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in RETIRED_NAMES
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("'The photos kept aside decide nothing.'", True),
        ("f'{count} photos held back'", True),
        ("'It works!'", True),
        ("'kept back to check the model'", False),
        ("'a != b'", False),
        ("def f():\n    'Photos kept aside.'", False),  # a docstring is for the next owner
    ],
)
def test_the_search_finds_what_it_looks_for(tmp_path, text, hits):
    path = tmp_path / "said.py"
    path.write_text(text if text.startswith("def") else f"said = {text}\n")
    assert any(re.search(retired, words) for retired in RETIRED for _, words in said(path)) is hits
