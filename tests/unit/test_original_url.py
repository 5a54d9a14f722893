"""Signed urls of originals."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from image_service.config import ConfigError, read_settings
from image_service.domain.original_url import SignedOriginals, original_path
from image_service.domain.signing import Signer, SigningKey
from image_service.domain.variant_url import make_path
from image_service.errors import Forbidden
from image_service.urls import VariantUrls
from image_service.web.caching import at_most
from tests.unit.test_config import BASE

ID = "img_1700000000000_abcdefghij0123456789"
OTHER = "img_1700000000000_abcdefghij0123456780"
KEY = SigningKey(b"secret", b"hello")
SIGNER = Signer([KEY], allow_unsigned=False)


def signed(now_s: Callable[[], int] = lambda: 1_000_000, ttl_s: float = 3_600) -> SignedOriginals:
    return SignedOriginals(SIGNER, ttl_s=ttl_s, now_s=now_s)


def parts(path: str) -> tuple[str, str, str]:
    url = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    return url.path.removeprefix("/images/"), query.get("exp", ""), query["sig"]


def test_a_url_is_the_path_and_its_end_and_a_signature_of_both() -> None:
    path = original_path(ID, SIGNER, 1_700)
    assert path == f"/images/{ID}?exp=1700&sig={SIGNER.sign(f'/images/{ID}?exp=1700')}"
    assert original_path(ID, SIGNER) == f"/images/{ID}?sig={SIGNER.sign(f'/images/{ID}')}"


def test_a_url_is_good_for_its_time() -> None:
    now_s = 1_000_000
    urls = signed(lambda: now_s)
    made = parts(urls.path(ID))
    left_s = urls.left_s(*made)
    assert left_s is not None
    assert 3_600 < left_s <= 3_600 + 900
    now_s += left_s - 1
    assert urls.left_s(*made) == 1
    now_s += 1
    with pytest.raises(Forbidden):
        urls.left_s(*made)


def test_who_asks_again_soon_gets_the_same_url() -> None:
    now_s = 900 * 1_111
    urls = signed(lambda: now_s)
    first = urls.path(ID)
    now_s += 899
    assert urls.path(ID) == first
    now_s += 1
    assert urls.path(ID) != first


def test_no_part_of_a_url_can_be_changed() -> None:
    image_id, expires, signature = parts(signed().path(ID))
    assert signed().left_s(image_id, expires, signature)
    for changed in (
        (OTHER, expires, signature),
        (ID, str(int(expires) + 1), signature),
        (ID, "0" + expires, signature),
        (ID, "", signature),
        (ID, expires, signature[:-1]),
        (ID, expires, ""),
        (ID, expires, "insecure"),
    ):
        with pytest.raises(Forbidden):
            signed().left_s(*changed)


@pytest.mark.parametrize("expires", ["-1", "x", "1" * 13, "9" * 5_000, "٣", " 1"])
def test_an_end_that_is_no_time_is_over_even_when_signed(expires: str) -> None:
    signature = SIGNER.sign(f"/images/{ID}?exp={expires}")
    with pytest.raises(Forbidden):
        signed().left_s(ID, expires, signature)


def test_a_variants_signature_opens_no_original() -> None:
    signature = make_path(ID, "raw:1", SIGNER).split("/")[1]
    with pytest.raises(Forbidden):
        signed().left_s(ID, "", signature)


def test_who_has_the_key_need_not_ask_the_service() -> None:
    urls = VariantUrls("https://x/", key=b"secret".hex(), salt=b"hello".hex())
    forever = urls.signed_original(ID).removeprefix("https://x")
    assert signed().left_s(*parts(forever)) is None
    ending = urls.signed_original(ID, expires_in_s=60).removeprefix("https://x")
    assert int(parts(ending)[1]) > 1_700_000_000
    assert signed().left_s(*parts(ending))


def test_it_needs_keys_and_no_other_way_to_originals() -> None:
    for more in ({}, {"signing_keys": "00:11", "unsigned_variants": "allow"}):
        with pytest.raises(ConfigError, match="require_signed_originals"):
            read_settings({"require_signed_originals": True, **more}, BASE)
    assert read_settings({"require_signed_originals": True, "signing_keys": "00:11"}, BASE)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("public, max-age=31536000, immutable", "public, max-age=60"),
        ("public, max-age=5", "public, max-age=5"),
        ("no-store", "no-store, max-age=60"),
        ("max-age=x, s-maxage=100, stale-if-error=5", "max-age=60, s-maxage=60"),
    ],
)
def test_no_cache_keeps_what_a_url_gives_longer_than_the_url_is_good(
    told: str, expected: str
) -> None:
    assert at_most(told, 60) == expected
