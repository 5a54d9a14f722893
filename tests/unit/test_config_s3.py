"""The settings of object storage, and who asks for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from image_service.config import ConfigError, read_settings
from image_service.domain.bucket_url import BucketUrl, is_bucket_url
from image_service.errors import StorageUnavailable
from image_service.settings import Settings
from image_service.storage.s3 import Access, Bucket
from image_service.storage.s3.providers import provider_of

S3 = {"s3_originals": "s3://bucket/a/b"}


def settings(**config: Any) -> Settings:
    return read_settings({**S3, **config}, Path("/srv/images"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that says nothing about who asks."""
    for name in (
        "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION",
        "DEFAULT_REGION", "CONFIG_FILE", "SHARED_CREDENTIALS_FILE",
    ):  # fmt: skip
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    return tmp_path / ".aws"


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        (" s3://my.bucket-1/a/b_c/ ", "my.bucket-1", "a/b_c"),
    ],
)
def test_an_address_names_bucket_and_prefix(text: str, bucket: str, prefix: str) -> None:
    assert BucketUrl.parse(text) == BucketUrl(bucket, prefix)
    assert BucketUrl.parse(str(BucketUrl.parse(text))) == BucketUrl(bucket, prefix)


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_its_beginning_names_the_provider(scheme: str) -> None:
    found = BucketUrl.parse(f"{scheme}://bucket/a")
    assert (found.scheme, str(found)) == (scheme, f"{scheme}://bucket/a")
    assert is_bucket_url(str(found))
    assert found != BucketUrl("bucket", "a", "other")


def test_azures_endpoint_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "endpoint" not in Access.of(settings(s3_endpoint_url="http://minio")).azure_options()
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://azurite:10000/account")
    told = Access.of(settings()).azure_options()
    assert told["endpoint"] == "http://azurite:10000/account"
    assert told["client_options"]["allow_http"] is True
    assert Access.of(settings()).s3_options("x")["client_options"]["allow_http"] is False


def test_azures_account_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StorageUnavailable, match="set AZURE_STORAGE_ACCOUNT_NAME"):
        Bucket(BucketUrl.parse("az://container"), Access())
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "name")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "no base64!")
    with pytest.raises(StorageUnavailable, match="check AZURE_STORAGE_ACCOUNT_KEY"):
        Bucket(BucketUrl.parse("az://container"), Access())


def test_azures_names_of_metadata_have_no_hyphens() -> None:
    azure = provider_of(BucketUrl.parse("az://container"))
    notes = {"Content-Type": "image/png", "arrived-ms": "17", "label": "x"}
    assert azure.written(notes) == {"Content-Type": "image/png", "arrived_ms": "17", "label": "x"}
    assert azure.read(azure.written(notes)) == notes


@pytest.mark.parametrize(
    "text",
    ["", "bucket", "s3://", "s3://x", "gcs://bucket", "az://", "http://b/c", "s3://bucket/a//b", "s3://bucket/../x",
     "s3://bucket/.", "s3://key:secret@bucket/x", "s3://bucket/a?b", "s3://bücket/x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket"):
        BucketUrl.parse(text)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"s3_originals": "bucket"}, "s3_originals.*s3://bucket"),
        ({"s3_endpoint_url": "s3.example.com"}, "s3_endpoint_url"),
        ({"s3_endpoint_url": "https://key:geheim@s3.example.com"}, "s3_access_key_id"),
        ({"s3_access_key_id": "geheim"}, "set both"),
        ({"s3_archive": "s3://bucket/a/b"}, "another bucket"),
        ({"accel_prefix": "/_files"}, "url_redirect"),
        ({"archive_dir": "/mnt/cold"}, "s3_archive"),
        ({"s3_originals": "", "url_redirect": True}, "needs s3_originals"),
        (
            {"s3_archive": "az://cold", "s3_archive_class": "GLACIER_IR"},
            "s3_archive_class is for an s3_archive that begins with s3://",
        ),
        ({"s3_originals": "", "s3_archive": "s3://cold"}, "needs s3_originals"),
        ({"s3_timeout_s": 0}, "s3_timeout_s"),
        ({"originals_also": "s3://bucket/a/b"}, "originals_also.*where originals are anyway"),
        ({"originals_also": "s3://bucket/a/b/"}, "where originals are anyway"),
        ({"s3_originals": "", "originals_also": "local"}, "local, where originals are anyway"),
        ({"originals_also": "uploads"}, "originals_also.*or be local"),
        ({"originals_also": "local", "accel_prefix": "/_files"}, "take it out until then"),
        (
            {"s3_originals": "", "originals_also": "s3://bucket/c", "accel_prefix": "/_files"},
            "take it out until then",
        ),
        ({"originals_also": "s3://other/x", "s3_archive": "s3://cold"}, "unarchive --all"),
        ({"originals_also": "s3://other/x", "archive_dir": "/mnt/cold"}, "s3_archive"),
        (
            {"s3_originals": "", "originals_also": "s3://bucket/c", "s3_archive": "s3://bucket/c"},
            "another bucket",
        ),
        (
            {"s3_originals": "", "originals_also": "s3://bucket/c", "url_redirect": True},
            "needs s3_originals",
        ),
        ({"s3_addressing": "host"}, "s3_addressing"),
    ],
)
def test_what_cannot_be_meant_is_told_and_no_secret_with_it(
    config: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**config)
    assert re.search(told, str(caught.value))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "places"),
    [
        ({}, ("s3://bucket/a/b",)),
        ({"s3_originals": ""}, ("local",)),
        ({"originals_also": " local "}, ("s3://bucket/a/b", "local")),
        ({"s3_originals": "", "originals_also": "s3://bucket/c/"}, ("local", "s3://bucket/c")),
        ({"originals_also": "s3://other"}, ("s3://bucket/a/b", "s3://other")),
    ],
)
def test_originals_may_be_in_two_places(config: dict[str, Any], places: tuple[str, ...]) -> None:
    assert settings(**config).places == places


def test_while_they_move_each_place_has_its_archive() -> None:
    made = settings(originals_also="local", archive_dir="/mnt/cold", s3_archive="s3://cold")
    assert made.has_files
    assert made.buckets == ("s3://bucket/a/b",)
    back = settings(s3_originals="", originals_also="s3://bucket/c", s3_archive="s3://cold")
    assert back.buckets == ("s3://bucket/c",)


def test_settings_come_before_environment_and_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = file\naws_secret_access_key = x\n"
        "[other]\naws_access_key_id = other\naws_secret_access_key = y\naws_session_token = t\n"
    )
    (home / "config").write_text("[profile other]\nregion = eu-west-1\n")
    assert Access.of(settings()).key_id == "file"
    monkeypatch.setenv("AWS_PROFILE", "other")
    found = Access.of(settings())
    assert (found.key_id, found.secret, found.session_token) == ("other", "y", "t")
    assert found.region == "eu-west-1"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "z")
    found = Access.of(settings())
    assert (found.key_id, found.secret, found.session_token) == ("environment", "z", "")
    mine = settings(s3_access_key_id="mine", s3_secret_access_key="m", s3_region="r")
    found = Access.of(mine)
    assert (found.key_id, found.secret, found.region) == ("mine", "m", "r")


def test_without_any_the_library_looks_for_a_role() -> None:
    assert "access_key_id" not in Access.of(settings()).s3_options("bucket")


def test_a_bucket_can_be_a_part_of_the_hosts_name() -> None:
    access = Access.of(settings(s3_endpoint_url="https://s3.x.com:9", s3_addressing="virtual"))
    assert access.s3_options("bucket")["endpoint"] == "https://bucket.s3.x.com:9"


def test_secrets_are_not_in_what_is_printed() -> None:
    made = settings(s3_access_key_id="geheim", s3_secret_access_key="geheim")
    assert "geheim" not in repr(made)
    assert "geheim" not in repr(Access.of(made))
