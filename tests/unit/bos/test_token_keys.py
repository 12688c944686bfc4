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


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize("seconds", [31, 3600, 86_400])
def test_w17_a_token_issued_before_the_clock_stepped_back_holds(seconds: int) -> None:
    ahead = int(time.time()) + seconds
    token = TokenKeys([NEW]).sign(claims(iat=ahead, exp=ahead + 3600))
    assert TokenKeys([NEW]).claims(token)["iat"] == ahead
