"""Azure Blob Storage, where it differs from S3; all else are the tests of S3 on it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from image_service.domain.bucket_url import BucketUrl
from image_service.errors import StorageUnavailable
from image_service.storage.s3 import Bucket, S3Store
from tests.contracts.adapters import S3Stores, new_name
from tests.contracts.test_blob_store import content, settled
from tests.s3 import FaultyLine, S3Server, status_of

pytestmark = pytest.mark.speaks_azure
DATA = hashlib.shake_256(b"azure").digest(9_000_000)


@pytest.fixture
def stores(tmp_path: Path, s3_server: S3Server, line: FaultyLine) -> S3Stores:
    return S3Stores(tmp_path, s3_server, endpoint_url=line.endpoint_url, timeout_s=3.0)


@pytest.fixture
def store(stores: S3Stores) -> S3Store:
    made: S3Store = stores.start().adapter
    return made


def test_a_bit_that_flips_on_its_way_up_is_seen_and_leaves_nothing(
    store: S3Store, stores: S3Stores, line: FaultyLine
) -> None:
    def flipped(data: bytes) -> bytes:
        at = len(data) - 10
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if len(data) > 5000 else data

    line.change_up = flipped
    with pytest.raises(StorageUnavailable, match="did not keep what was stored"):
        store.put(new_name(), DATA[:1_000_000])
    line.mend()
    assert list(stores.bucket.listed()) == []


def test_large_ones_go_in_parts(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, DATA)
    assert any(b"comp=blocklist" in request for request in line.requests)
    assert content(store, name) == DATA


def test_an_upload_is_read_back_for_nobody_told_its_checksum(
    store: S3Store, line: FaultyLine
) -> None:
    name = new_name()
    line.requests.clear()
    store.put(name, DATA[:1000], b"label")
    store.settle(name)
    assert [request.split()[0] for request in line.requests] == [b"PUT", b"GET"]
    assert store.label(name) == b"label"


def test_an_address_to_read_without_the_service(store: S3Store) -> None:
    url = store.signed_url(settled(store), 60)
    assert status_of(url) == 200
    assert status_of(url.replace("sig=", "sig=0")) == 403


def test_what_is_wrong_is_told(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    nobodys = Bucket(BucketUrl("nobodys-container", scheme="az"), s3_server.access())
    for ask in (lambda: nobodys.open("x.jpg"), nobodys.check_listing):
        with pytest.raises(StorageUnavailable, match="no such container"):
            ask()
    wrong = base64.b64encode(b"wrong").decode()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    with pytest.raises(StorageUnavailable, match="refuses the account's key") as caught:
        s3_server.bucket("x").check()
    assert wrong not in str(caught.value)


def test_listings_begin_where_they_are_told_to(s3_server: S3Server) -> None:
    bucket = s3_server.bucket(new_name())
    for key in ("a", "b/1", "b/2", "c"):
        bucket.put(key, b"x")
    assert [each.key for each in bucket.listed(after="b/1")] == ["b/2", "c"]
    assert bucket.among(["a", "b/2", "x"]) == {"a", "b/2"}


def test_of_several_that_are_removed_some_may_be_gone(s3_server: S3Server) -> None:
    bucket = s3_server.bucket(new_name())
    for key in ("a", "c"):
        bucket.put(key, b"x")
    bucket.remove(["a", "b", "c"])
    assert list(bucket.listed()) == []
