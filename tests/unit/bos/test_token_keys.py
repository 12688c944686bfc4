"""Keys that sign tokens, one after the other; and clocks that step back (s12, w17)."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any

import jwt
import pytest
from jwt.utils import base64url_encode

from bos.auth.token_keys import TokenKeys, key_id

OLD, NEW, NEXT = "o" * 64, "n" * 64, "x" * 64


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"jti": "j", "iat": now, "exp": now + 60, "user_id": "u"} | changes


def signed(key: str, told: dict[str, Any] | None = None, **header: Any) -> str:
    party = {"aud": "bos", "iss": "bos"}
    return jwt.encode((told or claims()) | party, key, algorithm="HS256", headers=header)


# ------------------------------------------------------------------ rotation


def test_s12_a_token_of_the_key_before_holds_and_the_newest_key_signs() -> None:
    before = TokenKeys([OLD]).sign(claims())
    rotated = TokenKeys([NEW, OLD])
    assert rotated.claims(before)["user_id"] == "u"
    after = rotated.sign(claims())
    assert jwt.get_unverified_header(after)["kid"] == key_id(NEW) != key_id(OLD)
    assert TokenKeys([NEW]).claims(after)["user_id"] == "u"
    # The next rotation but one has forgotten the first key.
    with pytest.raises(jwt.InvalidTokenError):
        TokenKeys([NEXT, NEW]).claims(before)


@pytest.mark.parametrize("key", [OLD, NEW, NEXT])
def test_s12_a_token_without_a_kid_is_tried_with_every_key(key: str) -> None:
    keys, token = TokenKeys([NEW, OLD]), signed(key)
    if key == NEXT:
        with pytest.raises(jwt.InvalidTokenError):
            keys.claims(token)
    else:
        assert keys.claims(token)["user_id"] == "u"


@pytest.mark.parametrize("signer", [OLD, NEW])
@pytest.mark.parametrize("kid", ["", "00000000", key_id(NEXT), "of the other", 1, {}])
def test_s12_a_kid_that_names_no_key_or_another_one_is_refused(signer: str, kid: Any) -> None:
    if kid == "of the other":
        kid = key_id(NEW if signer == OLD else OLD)
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    told = claims() | {"aud": "bos", "iss": "bos"}
    body = b".".join(base64url_encode(json.dumps(part).encode()) for part in (header, told))
    signature = hmac.digest(signer.encode(), body, "sha256")
    token = b".".join((body, base64url_encode(signature))).decode()
    with pytest.raises(jwt.InvalidTokenError):
        TokenKeys([NEW, OLD]).claims(token)


@pytest.mark.parametrize("key", [OLD, NEW])
def test_s12_a_token_of_whichever_key_expires(key: str) -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        TokenKeys([NEW, OLD]).claims(TokenKeys([key]).sign(claims(exp=int(time.time()))))


@pytest.mark.parametrize("missing", ["exp", "jti"])
def test_s12_a_token_without_an_end_or_an_id_is_refused(missing: str) -> None:
    told = {name: value for name, value in claims().items() if name != missing}
    with pytest.raises(jwt.InvalidTokenError):
        TokenKeys([NEW]).claims(signed(NEW, told))


# ------------------------------------------------------------------ what is plain, and what is not


def outcome(read: Any, token: str) -> Any:
    """Return the claims, or what kind of error refuses the token."""
    try:
        return read(token)
    except (jwt.InvalidTokenError, UnicodeError) as error:
        return type(error)


def by_library(keys: TokenKeys) -> TokenKeys:
    """The same keys, where PyJWT is asked about every token."""
    keys._prepared.clear()
    return keys


def sealed(payload: bytes, *, key: str = NEW, header: dict[str, Any] | None = None) -> str:
    """A token with these bytes as they are, signed by the key in the header that it signs with."""
    first = base64url_encode(json.dumps(header).encode()) if header else _first(key)
    body = first + b"." + payload
    return (body + b"." + base64url_encode(hmac.digest(key.encode(), body, "sha256"))).decode()


def _first(key: str) -> bytes:
    return TokenKeys([key]).sign(claims()).partition(".")[0].encode()


def test_s12_what_is_signed_here_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other tests of this part would compare it with itself."""
    keys = TokenKeys([NEW, OLD])
    tokens = [keys.sign(claims()), TokenKeys([OLD]).sign(claims())]
    monkeypatch.delattr(jwt.PyJWT, "decode_complete")
    assert [keys.claims(token)["user_id"] for token in tokens] == ["u", "u"]


FUTURE, PAST = 2**33, 2**30
GOOD: dict[str, Any] = {"aud": "bos", "iss": "bos", "jti": "j", "exp": FUTURE, "user_id": "u"}
VALUES: list[Any] = [None, True, 0, -1, 1.5, "", "bos", "j", str(FUTURE), [], ["bos"], ["x"], {}]


@pytest.mark.parametrize("name", ["aud", "iss", "jti", "exp", "iat", "nbf", "sub"])
def test_s12_a_token_is_let_in_only_where_the_library_lets_it_in(name: str) -> None:
    variants = [GOOD | {name: value} for value in [*VALUES, PAST, FUTURE, 2**70, 1e400]]
    variants.append({key: value for key, value in GOOD.items() if key != name})
    for told in variants:
        token = sealed(base64url_encode(json.dumps(told).encode()))
        expected = outcome(by_library(TokenKeys([NEW, OLD])).claims, token)
        assert outcome(TokenKeys([NEW, OLD]).claims, token) == expected, told


PAYLOAD = base64url_encode(json.dumps(GOOD).encode())
TWISTED = {
    "not signed": _first(NEW).decode() + "." + PAYLOAD.decode() + ".",
    "by another key": sealed(PAYLOAD, key=NEXT, header={"alg": "HS256", "kid": key_id(NEW)}),
    "of another's key": _first(NEW).decode() + "." + sealed(PAYLOAD, key=OLD).split(".", 1)[1],
    "one segment more": sealed(PAYLOAD) + ".x",
    "one byte more": sealed(PAYLOAD) + "A",
    "padded": sealed(PAYLOAD) + "=",
    "blank behind": sealed(PAYLOAD) + " ",
    "payload not canonical": sealed(PAYLOAD + b"!"),
    "payload of another alphabet": sealed(base64url_encode(b'{"a":"\xc3\xbf>?"}') + b"+/"),
    "payload with a dot": sealed(PAYLOAD + b".x"),
    "no payload": sealed(b""),
    "a list": sealed(base64url_encode(b"[]")),
    "not JSON": sealed(base64url_encode(b"{")),
    "no UTF-8": sealed(base64url_encode(b'{"a":"\xff"}')),
    "nested too deep": sealed(base64url_encode(b'{"a":' + b"[" * 5_000)),
    "twice": sealed(base64url_encode(json.dumps(GOOD).encode()[:-1] + b',"exp":1}')),
    "no algorithm": sealed(PAYLOAD, header={"typ": "JWT", "kid": key_id(NEW)}),
    "none": sealed(PAYLOAD, header={"alg": "none", "kid": key_id(NEW)}),
    "another algorithm": sealed(PAYLOAD, header={"alg": "HS512", "kid": key_id(NEW)}),
    "critical": sealed(PAYLOAD, header={"alg": "HS256", "kid": key_id(NEW), "crit": ["x"]}),
    "detached": sealed(PAYLOAD, header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
    "half a character": sealed(PAYLOAD) + "\ud800",
}


@pytest.mark.parametrize("twist", TWISTED)
def test_s12_a_token_of_another_form_is_refused_as_the_library_refuses_it(twist: str) -> None:
    expected = outcome(by_library(TokenKeys([NEW, OLD])).claims, TWISTED[twist])
    assert isinstance(expected, type) or twist == "padded"
    assert outcome(TokenKeys([NEW, OLD]).claims, TWISTED[twist]) == expected


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize("seconds", [31, 3600, 86_400])
def test_w17_a_token_issued_before_the_clock_stepped_back_holds(seconds: int) -> None:
    ahead = int(time.time()) + seconds
    token = TokenKeys([NEW]).sign(claims(iat=ahead, exp=ahead + 3600))
    assert TokenKeys([NEW]).claims(token)["iat"] == ahead
