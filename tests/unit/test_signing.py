"""Signatures of variant URLs, against imgproxy's own example and whoever would forge them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from image_service.domain.signing import UNSIGNED, Signer, SigningKey
from image_service.errors import Forbidden

# From https://docs.imgproxy.net/usage/signing_url: the words "secret" and "hello" in hex.
KEY = SigningKey(bytes.fromhex("736563726574"), bytes.fromhex("68656C6C6F"))
PATH = "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png"
SIGNATURE = "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8"

OTHER = SigningKey(b"another key", b"another salt")
SIGNER = Signer([KEY], allow_unsigned=False)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def is_believed(signer: Signer, signature: str, path: str = PATH) -> bool:
    try:
        signer.verify(signature, path)
    except Forbidden:
        return False
    return True


def test_the_documented_example_is_signed_and_believed() -> None:
    assert SIGNER.sign(PATH) == SIGNATURE
    assert is_believed(SIGNER, SIGNATURE)
    assert base64.urlsafe_b64encode(KEY.digest(PATH)).decode() == SIGNATURE + "="


def test_the_first_key_signs_and_all_are_believed() -> None:
    rotated = Signer([OTHER, KEY], allow_unsigned=False)
    assert rotated.sign(PATH) != SIGNATURE
    assert rotated.sign(PATH) == Signer([OTHER], allow_unsigned=False).sign(PATH)
    assert is_believed(rotated, SIGNATURE)
    assert is_believed(rotated, rotated.sign(PATH))
    # Once the old key is gone, so is what it signed.
    assert not is_believed(Signer([OTHER], allow_unsigned=False), SIGNATURE)
    assert not is_believed(SIGNER, rotated.sign(PATH))


def test_a_key_goes_with_its_own_salt_only() -> None:
    crossed = [SigningKey(KEY.key, OTHER.salt), SigningKey(OTHER.key, KEY.salt)]
    assert not is_believed(Signer(crossed, allow_unsigned=False), SIGNATURE)
    # What stands at the border of salt and path counts on the side where it stands.
    shifted = SigningKey(KEY.key, KEY.salt + PATH[:3].encode())
    assert shifted.digest(PATH[3:]) == KEY.digest(PATH)
    assert not is_believed(Signer([shifted], allow_unsigned=False), SIGNATURE)


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("300", "3000"),
        "/w:5" + PATH,
        PATH.replace("/g:sm", "/g:sm/w:5"),
        PATH + "/",
        PATH + "?",
        "/" + PATH,
        PATH[1:],
        PATH.replace("/g:sm", ""),
        PATH.replace("/g:sm", "//g:sm"),
        PATH.replace("/g:sm", "/./g:sm"),
        PATH.removesuffix(".png"),
        PATH[:-1],
        "",
        "/",
        PATH.replace("rs:", "rs%3A"),
        PATH.replace("rs:", "rs%3a"),
        PATH.replace("fill", "%66ill"),
        PATH.replace("g:sm", "g%3Asm"),
        PATH.replace(".png", "%2Epng"),
        PATH.replace("fill", "FILL"),
        PATH.replace(".png", ".PNG"),
        PATH.replace("aHR0", "AHR0"),
        PATH + "\x00",
        " " + PATH,
        PATH + "é",
    ],
    ids=ascii,
)
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    assert path != PATH
    assert not is_believed(SIGNER, SIGNATURE, path)


@given(st.integers(0, len(PATH) - 1), st.characters(max_codepoint=127))
def test_no_letter_of_a_path_can_be_changed(place: int, letter: str) -> None:
    forged = PATH[:place] + letter + PATH[place + 1 :]
    assert is_believed(SIGNER, SIGNATURE, forged) == (forged == PATH)


@pytest.mark.parametrize("padding", ["=", "==", "==="])
def test_padding_makes_no_difference(padding: str) -> None:
    assert is_believed(SIGNER, SIGNATURE + padding)


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    # 43 letters have 258 bits, 2 more than the digest: four last letters give the same bytes.
    last = ALPHABET.index(SIGNATURE[-1])
    assert last % 4 == 0
    for more in (1, 2, 3):
        other = SIGNATURE[:-1] + ALPHABET[last + more]
        assert base64.urlsafe_b64decode(other + "=") == KEY.digest(PATH)
        assert not is_believed(SIGNER, other)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "=",
        "====",
        UNSIGNED,
        "unsafe",
        "_",
        SIGNATURE[:-1],
        SIGNATURE[1:],
        SIGNATURE[:42] + "A",
        SIGNATURE + "A",
        SIGNATURE + "AAAA",
        SIGNATURE * 2,
        SIGNATURE.replace("_", "/"),
        SIGNATURE.replace("_", "%5F"),
        SIGNATURE.swapcase(),
        SIGNATURE[:20] + "=" + SIGNATURE[20:],
        "=" + SIGNATURE,
        " " + SIGNATURE,
        SIGNATURE + " ",
        SIGNATURE + "\n",
        SIGNATURE[:20] + "\n" + SIGNATURE[20:],
        SIGNATURE.replace("o", "ο"),
        SIGNATURE + "é",
        "\ud800",
        "A" * 43,
        "A" * 100_000,
        KEY.digest(PATH).hex(),
    ],
    ids=lambda v: ascii(v)[:60],
)
def test_anything_else_is_no_signature(signature: str) -> None:
    assert not is_believed(SIGNER, signature)
    assert is_believed(Signer([KEY], allow_unsigned=True), signature)


@given(st.text())
@example("\ud800")
def test_no_text_is_more_than_forbidden(signature: str) -> None:
    assert not is_believed(SIGNER, signature)
    assert not is_believed(SIGNER, SIGNATURE, signature)


def test_without_keys_nothing_is_believed_unless_that_is_allowed() -> None:
    closed = Signer([], allow_unsigned=False)
    with pytest.raises(Forbidden, match="signing_keys"):
        closed.sign(PATH)
    for signature in (UNSIGNED, "", "A" * 43, SIGNATURE):
        assert not is_believed(closed, signature)
    opened = Signer([], allow_unsigned=True)
    assert opened.sign(PATH) == UNSIGNED == "insecure"
    assert is_believed(opened, opened.sign(PATH))
    assert is_believed(opened, "")


def test_a_refusal_says_what_to_do_and_nothing_of_the_keys() -> None:
    with pytest.raises(Forbidden, match=r"signature is not valid.*get_image_url") as raised:
        SIGNER.verify("A" * 43, PATH)
    assert SIGNATURE not in str(raised.value)
    with pytest.raises(Forbidden, match="must be signed here"):
        Signer([], allow_unsigned=False).verify(UNSIGNED, PATH)


@pytest.mark.parametrize("shown", [repr(KEY), str(KEY), repr(SIGNER), str(SIGNER), f"{[KEY]}"])
def test_keys_are_never_shown(shown: str) -> None:
    for secret in (KEY.key, KEY.salt):
        assert secret.decode() not in shown
        assert secret.hex() not in shown.lower()


PATHS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(PATHS, PATHS, st.binary(min_size=1, max_size=80), st.binary(max_size=80))
def test_a_signature_vouches_for_its_own_path_and_key(
    path: str, other: str, key: bytes, salt: bytes
) -> None:
    signer = Signer([SigningKey(key, salt)], allow_unsigned=False)
    signature = signer.sign(path)
    assert len(signature) == 43
    assert set(signature) <= set(ALPHABET)
    assert is_believed(signer, signature, path)
    assert is_believed(signer, signature, other) == (other == path)
    assert not is_believed(SIGNER, signature, path)
