"""What beat asks for."""

from batchgen.celery import app
from content.export.files import files_expire, orphans_sweep


@app.task(name="export.delete_files")
def delete_files() -> dict[str, int]:
    """Delete files that are kept no longer, and those that nobody has; how many of each."""
    return {"expired": files_expire(), "orphans": orphans_sweep()}
