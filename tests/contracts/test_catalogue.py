"""What every Catalogue does."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from image_service.domain.description import Description
from image_service.domain.fingerprint import MAX_DISTANCE, Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts
from image_service.domain.listing import ListQuery, parse_list_query
from image_service.domain.ports import Catalogue, DuplicateRequest, FormatTotals, RequestKey
from image_service.errors import Busy, ImageServiceError, InvalidArgument
from image_service.testing import NOON_MS
from tests.contracts.adapters import Process, new_image

ANY = "img_1700000000000_abcdefghij0123456789"


@pytest.fixture
def process(catalogues: Any) -> Process:
    return catalogues.start()


@pytest.fixture
def catalogue(process: Process) -> Catalogue:
    return process.adapter


def asked(key: str = "caller:k", *, digest: bytes = b"d", made_ms: int = NOON_MS) -> RequestKey:
    return RequestKey(key, made_ms, digest)


def ids(catalogue: Catalogue, **arguments: Any) -> list[str]:
    return [image.id for image in catalogue.page(parse_list_query(**arguments)).images]


def test_an_empty_catalogue_has_nothing(catalogue: Catalogue) -> None:
    assert catalogue.get(ANY) is None
    assert catalogue.remove(ANY) is None
    assert catalogue.known([ANY]) == set()
    assert catalogue.known([]) == set()
    page = catalogue.page(parse_list_query())
    assert (page.images, page.has_more, page.total, page.total_is_exact) == ((), False, 0, True)
    assert catalogue.totals() == {format_: FormatTotals(0, 0) for format_ in Format}
    catalogue.check()


def test_an_image_comes_back_with_every_field(catalogue: Catalogue) -> None:
    image = new_image(
        filename="../Ünïcödé 😀\u202f%_'\";--.JPG",
        size_bytes=2**40,
        facts=PictureFacts(Format.AVIF, 16_384, 1, 500, True, 8, True, "CMYK"),
        tags=("b", "a", "ß"),
        attributes={"k": "", "ключ": "значение\n"},
        description=Description(
            exif={"ISO": 1, "Make": "ä"},
            location={"latitude": -1.5, "longitude": 2},
            title="ключ",
            keywords=["a", "b"],
            bit_depth=16,
            loop_count=0,
        ),
        fingerprint=Fingerprint("#00ff7f", bytes(range(25)), 2**64 - 1),
        removed=("exif", "gps"),
        sent_sha256=bytes(range(32)),
    )
    assert catalogue.add(image, [asked()]) == image
    assert catalogue.get(image.id) == image
    assert catalogue.find_request(asked()) == image
    assert catalogue.page(parse_list_query()).images == (image.without_details(),)
    assert catalogue.remove(image.id) == image


def test_an_image_of_before_there_were_fingerprints_comes_back(catalogue: Catalogue) -> None:
    image = new_image(fingerprint=None)
    catalogue.add(image)
    assert catalogue.get(image.id) == image


def test_a_duplicate_names_the_oldest_image_of_the_same_bytes(catalogue: Catalogue) -> None:
    first, second, third, other = (
        new_image(sha256=digest, created_ms=NOON_MS + offset)
        for digest, offset in ((b"a" * 32, 5), (b"a" * 32, 9), (b"a" * 32, 7), (b"b" * 32, 0))
    )
    added = [catalogue.add(image, [asked(image.id)]) for image in (first, second, third, other)]
    assert [image.duplicate_of for image in added] == [None, first.id, first.id, None]
    assert catalogue.get(second.id) == added[1]
    assert catalogue.find_request(asked(second.id)) == added[1]


def looks_like(perceptual_hash: int, **changes: Any) -> Image:
    return new_image(fingerprint=Fingerprint("#000000", b"12345", perceptual_hash), **changes)


def test_look_alikes_come_nearest_first_then_newest_first(catalogue: Catalogue) -> None:
    wanted = looks_like(0xF0F0_F0F0_F0F0_F0F0)
    near = looks_like(0xF0F0_F0F0_F0F0_F0F1, created_ms=NOON_MS)
    same = looks_like(0xF0F0_F0F0_F0F0_F0F0, created_ms=NOON_MS + 1)
    copy = looks_like(0xF0F0_F0F0_F0F0_F0F0, sha256=wanted.sha256, created_ms=NOON_MS - 9)
    newer = looks_like(0xF0F0_F0F0_F0F0_F0F0, created_ms=NOON_MS + 2)
    signs = looks_like(0x70F0_F0F0_F0F0_F0F0, created_ms=NOON_MS + 3)  # the topmost bit differs
    far = looks_like(0x0F0F_0F0F_0F0F_0F0F)
    for image in (wanted, near, same, newer, signs, far, new_image(fingerprint=None)):
        catalogue.add(image)
    copy = catalogue.add(copy)

    def found(**arguments: int) -> list[Image]:
        return catalogue.find_similar(wanted, **{"max_distance": 8, "limit": 50, **arguments})

    assert found() == [image.without_details() for image in (copy, newer, same, signs, near)]
    assert [image.id for image in found(limit=3)] == [copy.id, newer.id, same.id]
    assert [image.id for image in found(max_distance=0)] == [copy.id, newer.id, same.id]
    catalogue.remove(newer.id)
    assert [image.id for image in found(max_distance=0)] == [copy.id, same.id]


@pytest.mark.parametrize("max_distance", range(MAX_DISTANCE + 1))
def test_every_image_within_the_distance_is_found(catalogue: Catalogue, max_distance: int) -> None:
    chance = random.Random(max_distance)
    wanted = looks_like(chance.getrandbits(64))
    expected = set()
    for flips in range(13):
        for _ in range(4):
            mask = sum(1 << bit for bit in chance.sample(range(64), flips))
            image = looks_like(wanted.fingerprint.perceptual_hash ^ mask)
            catalogue.add(image)
            expected |= {image.id} if flips <= max_distance else set()
    found = catalogue.find_similar(wanted, max_distance=max_distance, limit=1000)
    assert {image.id for image in found} == expected


def test_what_one_process_adds_or_removes_the_others_see(catalogues: Any) -> None:
    one, two = catalogues.start().adapter, catalogues.start().adapter
    image = new_image()
    one.add(image)
    assert two.get(image.id) == image
    assert two.remove(image.id) == image
    assert one.get(image.id) is None


def test_an_id_is_added_once(catalogue: Catalogue) -> None:
    image = new_image(tags=("t",))
    catalogue.add(image)
    with pytest.raises(ImageServiceError):
        catalogue.add(dataclasses.replace(image, size_bytes=7), [asked()])
    assert catalogue.get(image.id) == image
    assert catalogue.totals()[Format.JPEG] == FormatTotals(1, 1000)
    assert catalogue.find_request(asked()) is None, "all or nothing"


def test_totals_follow_every_change(catalogue: Catalogue) -> None:
    images = [
        new_image(size_bytes=100 + n, format=format_) for n, format_ in enumerate([*Format] * 3)
    ]
    for image in images:
        catalogue.add(image)
    for image in images[::2]:
        catalogue.remove(image.id)
        catalogue.remove(image.id)
    catalogue.withdraw(images[1])
    catalogue.withdraw(images[1])
    left = [image for n, image in enumerate(images) if n % 2 and n != 1]
    for format_, totals in catalogue.totals().items():
        sizes = [image.size_bytes for image in left if image.facts.format is format_]
        assert totals == FormatTotals(len(sizes), sum(sizes))
    assert catalogue.page(parse_list_query()).total == len(left)


def test_known_answers_for_any_number_of_ids(catalogue: Catalogue) -> None:
    images = [new_image() for _ in range(3)]
    for image in images:
        catalogue.add(image)
    unknown = [f"img_1700000000000_x{n}" for n in range(1200)]
    wanted = {image.id for image in images}
    assert catalogue.known([*unknown, *wanted]) == wanted


@pytest.mark.parametrize("order", ["createdAt", "filename", "sizeBytes"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_put_together_are_the_ordered_list(
    catalogue: Catalogue, order: str, sign: str, limit: int
) -> None:
    names = ["b.jpg", "A.jpg", "ä.jpg", "a.jpg", "a.jpg", "Z", "😀" * 60 + ".png", "ﬀ", "B", "10"]
    images = [
        new_image(
            filename=name,
            created_ms=NOON_MS + n % 3,
            size_bytes=1 + n % 4,
            tags=("some",) if n % 4 else (),
        )
        for n, name in enumerate(names)
    ]
    for image in images:
        catalogue.add(image)
    for tag in (None, "some"):
        query = parse_list_query(limit=limit, order=sign + order, tag=tag)
        expected = sorted(
            (image for image in images if tag is None or tag in image.tags),
            key=lambda image: (query.order_value(image), image.id),
            reverse=sign == "-",
        )
        assert walked(catalogue, query, total=len(expected)) == expected


def walked(catalogue: Catalogue, query: ListQuery, total: int) -> list[Image]:
    """Return all pages put together."""
    seen: list[Image] = []
    cursor = None
    for _ in range(100):
        page = catalogue.page(query.continued(cursor))
        assert page.total == total
        assert len(page.images) <= query.limit
        seen.extend(page.images)
        if not page.has_more:
            break
        last = page.images[-1]
        cursor = query.cursor_after(query.order_value(last), last.id)
    return seen


def test_nothing_is_skipped_or_repeated_while_others_add_and_remove(catalogue: Catalogue) -> None:
    stay = [new_image(created_ms=NOON_MS + n // 4) for n in range(40)]
    go = [new_image(created_ms=NOON_MS + n // 4) for n in range(40)]
    for image in [*stay, *go]:
        catalogue.add(image)
    query, seen, cursor = parse_list_query(limit=7), [], None
    for _ in range(100):
        page = catalogue.page(query.continued(cursor))
        seen.extend(image.id for image in page.images)
        if not page.has_more:
            break
        last = page.images[-1]
        cursor = query.cursor_after(query.order_value(last), last.id)
        catalogue.remove(last.id) if last in go else catalogue.remove(go.pop().id)
        catalogue.add(new_image(created_ms=NOON_MS + 1000))
    assert len(seen) == len(set(seen))
    assert {image.id for image in stay} <= set(seen)


def test_every_filter_finds_what_it_says_and_counts_it(catalogue: Catalogue) -> None:
    one = new_image(
        filename="Beach 100%_Sunset.JPG", created_ms=NOON_MS, size_bytes=10, tags=("sea", "ÄÖ")
    )
    two = new_image(
        filename="beach \\ fog.png",
        created_ms=NOON_MS + 1000,
        size_bytes=20,
        format=Format.PNG,
        tags=("sea",),
    )
    for image in (one, two):
        catalogue.add(image)
    finds: list[tuple[dict[str, object], list[Any]]] = [
        ({}, [two, one]),
        ({"format": "jpg"}, [one]),
        ({"format": "gif"}, []),
        ({"tag": "sea"}, [two, one]),
        ({"tag": "ÄÖ"}, [one]),
        ({"tag": "äö"}, []),
        ({"tag": "se"}, []),
        ({"filename": "BEACH"}, [two, one]),
        ({"filename": "%"}, [one]),
        ({"filename": "_"}, [one]),
        ({"filename": "\\"}, [two]),
        ({"filename": "100%_s"}, [one]),
        ({"filename": "' OR 1=1 --"}, []),
        ({"created_after": "2026-01-01T12:00:00Z"}, [two, one]),
        ({"created_after": "2026-01-01T12:00:00.0001Z"}, [two]),
        ({"created_before": "2026-01-01T12:00:01Z"}, [one]),
        ({"created_before": "2026-01-01T12:00:01.001+00:00"}, [two, one]),
        ({"created_after": "2026-01-01T12:00:01", "created_before": "2026-01-01T12:00:01"}, []),
        ({"min_bytes": 10, "max_bytes": 10}, [one]),
        ({"min_bytes": 11}, [two]),
        ({"max_bytes": 0}, []),
        ({"min_bytes": 2**63 - 1}, []),
        ({"tag": "sea", "format": "png", "filename": "fog", "min_bytes": 20}, [two]),
    ]
    for arguments, expected in finds:
        page = catalogue.page(parse_list_query(**arguments))
        assert list(page.images) == expected, arguments
        assert (page.total, page.total_is_exact) == (len(expected), True), arguments
    assert ids(catalogue, tag="sea", limit=1, order="sizeBytes") == [one.id]


def test_a_removed_images_tags_are_gone_too(catalogue: Catalogue) -> None:
    image = new_image(tags=("t",))
    catalogue.add(image)
    catalogue.remove(image.id)
    again = dataclasses.replace(image, tags=())
    catalogue.add(again)
    assert ids(catalogue, tag="t") == []


def test_a_filtered_listing_is_counted_no_further_than_it_says(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (
        "image_service.catalogue.pages",
        "image_service.catalogue.walks",
        "image_service.testing.fakes",
    ):
        monkeypatch.setattr(f"{module}.COUNTED_AT_MOST", 5)
    for count in range(1, 8):
        catalogue.add(new_image())
        page = catalogue.page(parse_list_query(min_bytes=1, limit=2))
        assert (page.total, page.total_is_exact) == (min(count, 5), count <= 5)
        assert catalogue.page(parse_list_query(limit=2)).total == count


def test_a_request_is_carried_out_once(catalogues: Any, catalogue: Catalogue) -> None:
    first = new_image()
    assert catalogue.find_request(asked()) is None
    catalogue.add(first, [asked()])
    assert catalogue.find_request(asked()) == first
    for each in (catalogue, catalogues.start().adapter):
        with pytest.raises(DuplicateRequest) as raised:
            each.add(new_image(), [asked("delivery:new"), asked()])
        assert raised.value.image == first
        assert each.find_request(asked("delivery:new")) is None, "all or nothing"
        with pytest.raises(DuplicateRequest):
            each.begin_request(asked())
    assert ids(catalogue) == [first.id]


def test_a_request_in_flight_is_busy_for_everyone_until_it_ends(catalogues: Any) -> None:
    one, two = catalogues.start().adapter, catalogues.start().adapter
    one.begin_request(asked())
    assert two.find_request(asked()) is None
    for each in (one, two):
        with pytest.raises(Busy):
            each.begin_request(asked())
    image = new_image()
    one.add(image, [asked()])
    with pytest.raises(DuplicateRequest) as raised:
        two.begin_request(asked())
    assert raised.value.image == image


def test_a_request_in_flight_that_is_taken_over_is_finished_by_who_took_it(catalogues: Any) -> None:
    one, two = catalogues.start().adapter, catalogues.start().adapter
    one.begin_request(asked())
    two.begin_request(asked(), takes_over=True)
    with pytest.raises(Busy):
        one.add(new_image(), [asked()])
    one.abandon_request(asked())
    with pytest.raises(Busy):
        one.begin_request(asked())
    image = two.add(new_image(), [asked()])
    assert one.find_request(asked()) == image
    with pytest.raises(DuplicateRequest):
        one.begin_request(asked(), takes_over=True)
    assert ids(one) == [image.id]


def test_a_key_with_other_bytes_is_refused_in_flight_and_after(catalogue: Catalogue) -> None:
    other = asked(digest=b"other")
    catalogue.begin_request(asked())
    with pytest.raises(InvalidArgument):
        catalogue.begin_request(other)
    catalogue.add(new_image(), [asked()])
    with pytest.raises(InvalidArgument):
        catalogue.begin_request(other)
    with pytest.raises(InvalidArgument):
        catalogue.find_request(other)


def test_an_abandoned_request_can_be_begun_again_with_any_bytes(catalogue: Catalogue) -> None:
    catalogue.begin_request(asked())
    catalogue.abandon_request(asked())
    catalogue.begin_request(asked(digest=b"other"))


def test_abandoning_does_not_touch_what_ended_or_what_others_do(catalogues: Any) -> None:
    one, two = catalogues.start().adapter, catalogues.start().adapter
    image = new_image()
    one.add(image, [asked()])
    one.begin_request(asked("caller:other"))
    two.abandon_request(asked())
    two.abandon_request(asked("caller:other"))
    two.abandon_request(asked("caller:unknown"))
    assert two.find_request(asked()) == image
    with pytest.raises(Busy):
        two.begin_request(asked("caller:other"))


def test_a_dead_process_request_is_taken_over_and_cannot_be_finished_by_it(
    catalogues: Any, process: Process
) -> None:
    process.adapter.begin_request(asked())
    process.kill()
    heir = catalogues.start().adapter
    heir.begin_request(asked())
    with pytest.raises(Busy):  # as a process would that was only thought dead
        process.adapter.add(new_image(), [asked()])
    assert ids(heir) == []
    image = new_image()
    heir.add(image, [asked()])
    assert heir.find_request(asked()) == image


def test_withdrawing_undoes_an_upload_with_its_requests(catalogue: Catalogue) -> None:
    image, kept = new_image(tags=("t",)), new_image()
    catalogue.begin_request(asked("caller:a"))
    catalogue.add(image, [asked("caller:a"), asked("delivery:a")])
    catalogue.add(kept, [asked("caller:b")])
    assert catalogue.withdraw(image)
    assert catalogue.find_request(asked("caller:a")) is None
    assert catalogue.find_request(asked("delivery:a")) is None
    assert catalogue.find_request(asked("caller:b")) == kept
    assert ids(catalogue) == [kept.id]
    assert catalogue.totals()[Format.JPEG] == FormatTotals(1, 1000)
    catalogue.begin_request(asked("caller:a"))
    assert not catalogue.vouch_for(image.id)


def test_many_are_vouched_for_at_once(catalogues: Any) -> None:
    mine, other = (catalogues.start().adapter for _ in range(2))
    kept, trashed, withdrawn, left, plain = (new_image() for _ in range(5))
    for image in (kept, trashed, withdrawn, left):
        mine.add(image, [asked(f"caller:{image.id}")])
    mine.add(plain)
    mine.trash(trashed.id, NOON_MS)
    mine.withdraw(withdrawn)
    these = {image.id for image in (kept, trashed, withdrawn, plain, new_image())}
    for _ in range(2):
        assert other.vouch_for_all(these) == {kept.id, trashed.id, plain.id}
    assert other.vouch_for_all(set()) == set()
    for image in (kept, left):
        mine.withdraw(image, [asked(f"caller:{image.id}")])
    assert mine.known([kept.id, left.id]) == {kept.id}


def test_what_somebody_has_vouched_for_is_not_withdrawn(catalogues: Any) -> None:
    mine, other = (catalogues.start().adapter for _ in range(2))
    image, removed = new_image(), new_image()
    mine.add(image, [asked("caller:a"), asked("delivery:a")])
    mine.add(removed, [asked("caller:b")])
    assert other.vouch_for(image.id)
    assert other.vouch_for(image.id)
    assert not mine.withdraw(image)
    assert mine.get(image.id) == image
    with pytest.raises(DuplicateRequest):
        mine.begin_request(asked("caller:a"))
    assert mine.find_request(asked("delivery:a")) == image
    mine.remove(removed.id)
    assert other.vouch_for(removed.id), "it was stored, and removed since"
    assert not other.vouch_for(new_image().id)
    assert mine.withdraw(removed, [asked("caller:b")]), "there is nothing to withdraw"
    mine.forget_requests(NOON_MS + 1)
    assert not mine.withdraw(image, [asked("caller:a")]), "nobody knows whether it was told"
    assert mine.get(image.id) == image
    unasked = new_image()
    mine.add(unasked)
    assert mine.withdraw(unasked)


def test_a_removal_is_remembered_as_it_was(catalogue: Catalogue) -> None:
    image = new_image(tags=("t",), attributes={"k": "v"})
    catalogue.add(image)
    assert catalogue.remove(image.id, asked("delivery:d", digest=b"")) == image
    with pytest.raises(DuplicateRequest) as raised:
        catalogue.remove(image.id, asked("delivery:d", digest=b""))
    assert raised.value.image == image
    assert catalogue.remove(image.id, asked("delivery:other", digest=b"")) is None
    assert catalogue.find_request(asked("delivery:other", digest=b"")) is None


def test_old_requests_are_forgotten_and_others_kept(catalogue: Catalogue) -> None:
    images = [new_image() for _ in range(3)]
    for n, image in enumerate(images):
        catalogue.add(image, [asked(f"caller:{n}", made_ms=NOON_MS + n)])
    assert catalogue.forget_requests(NOON_MS + 2) == 2
    assert catalogue.forget_requests(NOON_MS + 2) == 0
    assert [catalogue.find_request(asked(f"caller:{n}")) for n in range(3)] == [
        None,
        None,
        images[2],
    ]
