"""What of the photos the doctor is given to look at."""

import pytest

from transfer_core.backbones import catalog
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source
from transfer_core.doctor import examine as examining
from transfer_core.services import doctor


@pytest.mark.training
def test_it_looks_at_the_last_layer_alone(workspace, dataset, monkeypatch):
    """Its limits were found by that; features hold what earlier stages see as well, for the new layer."""
    asked, examine = [], examining.examine
    monkeypatch.setattr(
        examining,
        "examine",
        lambda items, photos, left_out: asked.append(photos.features.shape) or examine(items, photos, left_out),
    )
    project = workspace.create_project("Blots")
    take_in(workspace, project, open_source(dataset), lambda done, total: None)
    found = doctor.examine_project(workspace, project, lambda done, total: None)
    assert asked == [(found.photos, catalog.BUILT_IN[catalog.BUNDLED].feature_blocks[0])] == [(found.photos, 1280)]
