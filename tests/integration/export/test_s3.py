"""Files in a bucket: over HTTP, against another's implementation of S3."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from moto.server import ThreadedMotoServer

from batchgen.stored_files import EXPORTS, export_storage
from content.export import files
from content.export.files import orphans_sweep
from content.export.storage import (
    StorageAway,
    file_delete,
    file_names,
    file_open,
    file_store,
    storage_text,
)
from tests.factories import client_of, project_make
from tests.integration.export.world import export_start, file_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Exports are stored below a folder of this bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket="exports")
    for each in client.list_objects(Bucket="exports").get("Contents", ()):
        client.delete_object(Bucket="exports", Key=each["Key"])
    client.put_object(Bucket="exports", Key="others/file.txt", Body=b"no export")
    url = f"s3://exports/below?endpoint_url={server}&region_name=us-east-1&addressing_style=path"
    entry = export_storage(folder="", s3_url=url)
    settings.STORAGES = {**settings.STORAGES, EXPORTS: entry}
    return server


def test_a_file_goes_in_and_out_and_away(bucket: str) -> None:
    content = b"x" * 12_000_000  # more than goes in one part
    stored = file_store([content[:5], content[5:]], suffix=".csv")
    assert list(file_names()) == [stored.name]
    opened = file_open(stored.name, size=stored.bytes)
    assert opened
    with opened:
        assert opened.read(65_536) == content[:65_536]
        assert opened.read() == content[65_536:]
    assert file_open(stored.name, size=1) is None
    file_delete(stored.name)
    file_delete(stored.name)
    assert file_open(stored.name, size=stored.bytes) is None
    assert not list(file_names())
    assert storage_text() == "the bucket exports"


def test_a_run_has_its_file_there(bucket: str) -> None:
    run = export_start(project_make())
    file_make(run, b"over S3")
    answer = client_of(run.project.created_by).get(f"/api/v1/runs/{run.pk}/file")
    assert b"".join(answer) == b"over S3"


def test_what_nobody_has_is_swept(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = file_make(export_start(project_make()))
    file_store([b"x"], suffix=".csv")
    assert orphans_sweep() == 0
    monkeypatch.setattr(files, "ORPHAN_S", -60)
    assert orphans_sweep() == 1
    assert list(file_names()) == [kept.stored_as]


def test_a_bucket_that_is_not_there_is_said(bucket: str, settings: Any) -> None:
    url = f"s3://nothing?endpoint_url={bucket}&region_name=us-east-1&addressing_style=path"
    settings.STORAGES = {**settings.STORAGES, EXPORTS: export_storage(folder="", s3_url=url)}
    with pytest.raises(StorageAway):
        file_store([b"x"], suffix=".csv")


@pytest.mark.parametrize(
    "url", ["https://exports", "s3://", "s3://key:secret@bucket", "s3://bucket?secret_key=x"]
)
def test_an_address_is_told_at_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="BATCHGEN_EXPORT_S3_URL"):
        export_storage(folder="", s3_url=url)


def test_a_folder_has_a_whole_path() -> None:
    with pytest.raises(ImproperlyConfigured, match="BATCHGEN_EXPORT_DIR"):
        export_storage(folder="exports", s3_url="")
