"""Settings of variants: keys, presets, the watermark, and who may ask without a signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from image_service.config import ConfigError, read_settings
from image_service.domain.signing import SigningKey, read_keys
from image_service.settings import Settings


def settings(base_dir: Path = Path(), **config: Any) -> Settings:
    return read_settings(config, base_dir)


def test_keys_are_pairs_of_hexadecimals_the_first_first() -> None:
    assert read_keys("00ff:10, 11:12") == [
        SigningKey(b"\x00\xff", b"\x10"),
        SigningKey(b"\x11", b"\x12"),
    ]
    assert read_keys("") == read_keys(" ") == []


@pytest.mark.parametrize("text", ["deadbeef", "00:", ":00", "00:11,", "5ecre7:00", "0:00"])
def test_what_is_no_pair_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError, match="signing_keys") as caught:
        settings(signing_keys=text)
    assert "pair" in str(caught.value)
    assert "deadbeef" not in str(caught.value)
    assert "5ecre7" not in str(caught.value)


def test_keys_are_in_no_representation_of_the_settings() -> None:
    made = settings(signing_keys="deadbeef:00")
    assert "deadbeef" not in repr(made)
    assert "deadbeef" not in str(made)


@pytest.mark.parametrize(
    ("config", "is_open"),
    [
        ({}, True),
        ({"host": "127.0.0.1"}, True),
        ({"host": "[::1]"}, True),
        ({"host": "0.0.0.0", "public_url": "http://a.example"}, False),
        ({"host": "192.168.1.5"}, False),
        ({"host": "images.local"}, False),
        ({"public_url": "https://a.example"}, False),
        ({"signing_keys": "00:11"}, False),
        ({"unsigned_variants": "refuse"}, False),
        ({"unsigned_variants": "allow", "signing_keys": "00:11", "host": "192.168.1.5"}, True),
    ],
)
def test_unsigned_variants_are_for_loopback_unless_told_otherwise(
    config: dict[str, Any], is_open: bool
) -> None:
    assert settings(**config).opens_unsigned_variants is is_open


def test_presets_may_be_a_mapping_or_json() -> None:
    presets = {"thumb": "rs:fill:200:200/g:sm", "small": "pr:thumb/q:50"}
    assert settings(presets=presets).presets == presets
    assert settings(presets='{"thumb": "w:10"}').presets == {"thumb": "w:10"}
    assert settings(presets="").presets == {}


@pytest.mark.parametrize(
    ("presets", "word"),
    [
        ({"thumb": "w:wide"}, "width"),
        ({"thumb": "nope:1"}, "no such option"),
        ({"a": "pr:b", "b": "pr:a"}, "includes itself"),
        ({"a": "pr:c"}, "none named"),
        ("{not json", "JSON"),
        ("[1]", "presets"),
    ],
)
def test_a_preset_that_cannot_be_read_is_told_at_start(presets: Any, word: str) -> None:
    with pytest.raises(ConfigError, match="presets") as caught:
        settings(presets=presets)
    assert word in str(caught.value)


def test_a_watermark_must_be_there_and_small(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="watermark_path"):
        settings(tmp_path, watermark_path="mark.png")
    (tmp_path / "mark.png").write_bytes(bytes(10))
    with_mark = settings(tmp_path, watermark_path="mark.png", watermarks={"logo": "mark.png"})
    mark = tmp_path / "mark.png"
    assert with_mark.watermark_files == {"": mark, "logo": mark}
    assert settings(tmp_path, watermarks='{"logo": "mark.png"}').watermark_files == {"logo": mark}
    with pytest.raises(ConfigError, match=r"watermarks: 'seal'.*IMAGE_SERVICE_WATERMARKS"):
        settings(tmp_path, watermarks={"seal": "seal.png"})
    (tmp_path / "mark.png").write_bytes(bytes(600_000))
    with pytest.raises(ConfigError, match="524288"):
        settings(tmp_path, watermark_path="mark.png")


def test_the_cache_is_beside_the_originals_unless_told_otherwise(tmp_path: Path) -> None:
    assert settings(tmp_path, upload_dir="up").cache_path == tmp_path / "up" / ".cache"
    assert settings(tmp_path, cache_dir="elsewhere").cache_path == tmp_path / "elsewhere"


@pytest.mark.parametrize("prefix", ["_files", "/", "/a b", "/a/", "/a/../b", "http://x"])
def test_the_prefix_of_files_in_front_is_a_plain_path(prefix: str) -> None:
    assert settings(accel_prefix="/_files/images").accel_prefix == "/_files/images"
    with pytest.raises(ConfigError, match="accel_prefix"):
        settings(accel_prefix=prefix)


def test_eager_presets_must_be_presets() -> None:
    presets = {"thumb": "w:10", "small": "w:20"}
    made = settings(presets=presets, eager_presets="thumb, small")
    assert made.eager_presets == ["thumb", "small"]
    assert settings(eager_presets="").eager_presets == []
    with pytest.raises(ConfigError, match="in no presets: big"):
        settings(presets=presets, eager_presets=["thumb", "big"])
