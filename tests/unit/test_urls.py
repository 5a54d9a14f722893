"""URLs built without asking the service."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest

from image_service.domain.signing import Signer, SigningKey
from image_service.domain.transform import Transform
from image_service.domain.variant_url import VariantRequest, read_path
from image_service.errors import Forbidden, InvalidArgument, InvalidImageId
from image_service.urls import VariantUrls

ID = "img_1700000000000_abcdefghij0123456789"
SIGNER = Signer([SigningKey(b"secret", b"hello")], allow_unsigned=False)


@pytest.fixture
def urls() -> VariantUrls:
    return VariantUrls("https://images.example.com/", key="736563726574", salt="68656c6c6f")


def read(url: str, signer: Signer = SIGNER) -> VariantRequest:
    path = urlsplit(url).path
    assert path.startswith("/img/")
    return read_path(path.removeprefix("/img/"), signer, {"thumb": "w:9"})


def test_a_variants_url_is_what_the_service_believes(urls: VariantUrls) -> None:
    url = urls.variant(ID, "rs:fill:300:200/g:no", extension="webp")
    assert url.startswith("https://images.example.com/img/")
    request = read(url)
    assert (request.source.id, request.asked.transform.width) == (ID, 300)
    assert request.asked.transform.format
    assert request.asked.transform.format.value == "webp"
    with pytest.raises(Forbidden):
        read(url.replace("300", "301"))


def test_options_may_be_a_mapping_and_name_presets(urls: VariantUrls) -> None:
    mapped = urls.variant(ID, {"resize": ["fit", 30, 20], "enlarge": True})
    assert read(mapped).asked.transform == Transform(width=30, height=20, enlarge=True)
    assert read(urls.variant(ID, "pr:thumb")).asked.transform.width == 9


def test_an_url_may_end(urls: VariantUrls) -> None:
    before_s = int(time.time())
    expires_s = read(urls.variant(ID, "w:1", expires_in_s=60)).asked.expires_s
    assert expires_s
    assert 60 <= expires_s - before_s <= 62


def test_an_originals_url_needs_no_signature(urls: VariantUrls) -> None:
    assert urls.original(ID) == f"https://images.example.com/images/{ID}"


def test_without_a_key_the_url_says_so() -> None:
    url = VariantUrls("http://localhost:3001").variant(ID, "w:10")
    assert url == f"http://localhost:3001/img/insecure/w:10/plain/{ID}"


def test_mistakes_are_told_at_once(urls: VariantUrls) -> None:
    with pytest.raises(InvalidArgument, match="width"):
        urls.variant(ID, "w:x")
    with pytest.raises(InvalidArgument, match="extension"):
        urls.variant(ID, "w:1", extension="exe")
    with pytest.raises(InvalidImageId):
        urls.variant("holiday.png", "w:1")
    with pytest.raises(ValueError, match="together"):
        VariantUrls("http://localhost", key="00")
    with pytest.raises(ValueError, match="hex"):
        VariantUrls("http://localhost", key="zz", salt="00")
