"""Makes the thumbnails that the intake of `fit` left for later: nobody looks before there is an answer. No torch."""

from contextlib import closing

from transfer_core import runs
from transfer_core.data.images.rendering import Rendering
from transfer_core.data.images.thumbnails import ensure_thumbnail, thumbnails
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import DataError
from transfer_core.jobs.job import Job
from transfer_core.support.parallel import map_ahead


def run(job: Job) -> dict:
    """{"made"}: how many were missing; a photo that can no longer be read is passed over, its page says so."""
    cache, split = thumbnails(job.workspace.prepared_dir), runs.load_split(job.run)
    photos = {item.photo: item for item in (*split.train, *split.val, *split.test)}
    project = job.workspace.open_project(job.run.project_id)
    rendering = Rendering.of_project(project)
    missing = [item for item in photos.values() if not cache.holds(rendering.key(item.photo, item.file))]

    def make(item: Item) -> bool:
        try:
            ensure_thumbnail(job.workspace, project, item)
            return True
        except DataError:
            return False

    with closing(map_ahead(make, missing)) as made:
        return {"made": sum(made)}
