"""The commands `import` and `fetch`: photos into a project."""

from argparse import Namespace

from transfer_core.cli.terminal import bar, mention, mention_alike, mention_damage, mention_disputed
from transfer_core.services import fetch as public_sets
from transfer_core.services import ingest
from transfer_core.support import text
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Workspace


def import_(workspace: Workspace, options: Namespace) -> dict:
    show = bar("Reading photos")
    imported = ingest.import_photos(
        workspace,
        options.data,
        options.name,
        show,
        options.labels,
        options.encoding,
        class_from=options.class_from,
        unlabelled=options.unlabelled,
    )
    return _answer(imported)


def fetch(workspace: Workspace, options: Namespace) -> dict:
    show = bar("Reading photos")
    return _answer(public_sets.fetch_named(workspace, options.set, options.per_class, options.name, show))


def show_import(answer: dict) -> None:
    print(f"{answer['added']} new photos, {answer['photos']} in total. Project {answer['project']}")
    for name, count in answer["classes"].items():
        print(f"{count:7} {name}")
    if "unlabelled" in answer:
        print(f"{answer['unlabelled']:7} without a class; `label {answer['project']} --no-class` lists them")
    if "named" in answer:
        print(f"{pluralize(answer['named'], 'photo', 'photos')} had no class and got one")
    for entry in answer["rejected"]:
        print(f"left out: {text.plain(entry['file'])}: {entry['reason']}")


def _answer(imported: ingest.Imported) -> dict:
    mention(imported.report.said)
    mention_disputed(imported.report.disputed)
    mention_alike(imported.report.alike)
    mention_damage(imported.project)
    return imported.to_json()
