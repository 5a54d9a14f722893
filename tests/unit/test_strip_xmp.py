"""XMP packets and IPTC datasets: places are blanked in place, all else is kept."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from image_service.imaging.strip import exif, iptc, xmp

HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:p="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:c="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
    'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"'
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end='w'?>"


def packet(attributes: str = "", elements: str = "") -> bytearray:
    return bytearray(f"{HEAD} {attributes}><dc:creator>Ann</dc:creator>{elements}{TAIL}", "utf-8")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("exif:GPSLatitude", "gps"),
        ("exif:GPSAltitude", "gps"),
        ("any:GpsLongtitude", "gps"),
        ("p:City", "place"),
        ("p:State", "place"),
        ("p:Country", "place"),
        ("c:Location", "place"),
        ("c:CountryCode", "place"),
        ("e:LocationShown", "place"),
        ("City", "place"),
    ],
)
def test_a_place_goes_as_attribute_and_as_element_and_the_rest_stays(name: str, word: str) -> None:
    declared = 'xmlns:any="urn:any"'
    for data in (
        packet(f'{declared} {name}="Needle"'),
        packet(f"{declared} {name} = 'Needle'"),
        packet(declared, f"<{name}>Needle</{name}>"),
        packet(declared, f"<{name} a='>'><b><c>Needle</c></b></{name} >"),
        packet(declared, f'<{name} value="Needle"/>'),
    ):
        size = len(data)
        assert xmp.blank_location(data) == {word}
        assert len(data) == size
        assert b"Needle" not in data
        assert name.encode() not in data
        text = data.decode()
        assert "image/jpeg" in text
        assert "".join(ElementTree.fromstring(text[1:] if text[0] == "\ufeff" else text).itertext())
        assert "<dc:creator>Ann</dc:creator>" in text


def test_declared_prefixes_stay_whatever_they_are_called() -> None:
    data = packet('xmlns:location="urn:x" location:colour="red"')
    assert xmp.blank_location(data) == set()


def test_properties_that_only_sound_like_a_place_stay() -> None:
    for elements in ("<p:CaptionWriter>City</p:CaptionWriter>", "<dc:Cityscape>x</dc:Cityscape>"):
        data = packet('p:Headline="A country in a state"', elements)
        before = bytes(data)
        assert xmp.blank_location(data) == set()
        assert data == before


@pytest.mark.parametrize(
    "data",
    [
        packet("", "<dc:description>taken at GPS 48.1, 11.5</dc:description>"),
        packet("", "<dc:a>&lt;exif:GPSLatitude&gt;48</dc:a>"),
        packet("", "<exif:GPSLatitude>Needle"),
        packet("", "<p:City><p:City>Needle</p:City></p:City>"),
        packet("", "<!-- Location: Needle -->"),
        packet("", "<p:City>" * 2000),
        bytearray(packet('p:City="Needle"').decode().encode("utf-16")),
        bytearray(b"<!DOCTYPE x [<!ENTITY y 'Needle'>]>" + packet()),
        bytearray(b"\xff\xfe\xfa" * 50),
    ],
    ids=range(9),
)
def test_a_packet_that_cannot_be_followed_goes_whole(data: bytearray) -> None:
    size = len(data)
    assert xmp.blank_location(data) == {"xmp"}
    assert len(data) == size
    assert ElementTree.fromstring(data.decode()).tag == "{adobe:ns:meta/}xmpmeta"
    assert xmp.blank_location(data) == set()


def dataset(number: int, value: bytes, record: int = 2) -> bytes:
    return bytes([0x1C, record, number]) + len(value).to_bytes(2, "big") + value


def resource(kind: int, value: bytes, name: bytes = b"") -> bytes:
    title = bytes([len(name)]) + name + b"\0" * ((len(name) + 1) % 2)
    head = b"8BIM" + kind.to_bytes(2, "big") + title
    return head + len(value).to_bytes(4, "big") + value + b"\0" * (len(value) % 2)


@pytest.mark.parametrize("number", [26, 27, 90, 92, 95, 100, 101])
def test_datasets_of_places_are_blanked(number: int) -> None:
    data = bytearray(dataset(80, b"Ann") + dataset(number, b"Needle") + dataset(120, b"caption"))
    assert iptc.blank_datasets(data) == {"place"}
    assert data == dataset(80, b"Ann") + dataset(number, b"      ") + dataset(120, b"caption")
    assert iptc.blank_datasets(data) == set()


def test_datasets_of_other_records_and_of_extended_size_are_followed() -> None:
    long = b"\x1c\2\x5a\x80\x04\0\0\0\x06Needle"
    data = bytearray(dataset(90, b"other", record=3) + long + dataset(120, b"caption"))
    assert iptc.blank_datasets(data) == {"place"}
    assert b"other" in data
    assert b"caption" in data
    assert b"Needle" not in data


def test_datasets_that_are_cut_off_are_blanked_to_the_end() -> None:
    data = bytearray(dataset(80, b"Ann") + dataset(90, b"Needle")[:-1])
    assert iptc.blank_datasets(data) == {"iptc"}
    assert data == dataset(80, b"Ann") + bytes(10)


def test_resources_with_datasets_and_xmp_lose_their_places_and_others_stay() -> None:
    thumbnail = resource(0x040C, b"thumbnail City", b"odd")
    places = resource(0x0404, dataset(90, b"Needle"), b"even")
    data = bytearray(thumbnail + places + resource(0x0424, bytes(packet('p:City="Needle"'))))
    size = len(data)
    assert iptc.blank_resources(data, exif.blank_location) == {"place"}
    assert b"Needle" not in data
    assert data.startswith(thumbnail)
    assert len(data) == size


def test_resources_that_cannot_be_followed_are_blanked_to_the_end() -> None:
    good = resource(0x0404, dataset(80, b"Ann"))
    data = bytearray(good + resource(0x0404, dataset(90, b"Needle"))[:-3])
    assert iptc.blank_resources(data, exif.blank_location) == {"iptc"}
    assert data.rstrip(b"\0") == good.rstrip(b"\0")
