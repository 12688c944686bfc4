"""Second factors as people hold them: an app with codes, recovery codes, a passkey."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client as Browser
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from tests.support.cast import PASSWORD, Person
from tests.support.rest import an_address

LOGIN = "/account/login/"
FACTORS = "/account/2fa/"
CODE = "/account/2fa/authenticate/"


def at_the_door(person: Person, password: str = PASSWORD, *, next: str = "") -> tuple[Browser, Any]:
    """A browser of the person's own, and the answer to email and password."""
    browser = Browser(REMOTE_ADDR=an_address())
    answer = browser.post(
        LOGIN, {"email": person.email, "password": password, **({"next": next} if next else {})}
    )
    return browser, answer


def signed_in(person: Person) -> Browser:
    """One in which the person has just typed their password."""
    browser, answer = at_the_door(person)
    assert answer.status_code == 302, answer.context["form"].errors
    assert is_in(browser)
    return browser


def is_in(browser: Browser) -> bool:
    """Whether a page that is for those who are signed in opens."""
    return browser.get(FACTORS).status_code == 200


@dataclass(slots=True)
class App:
    """An app with codes: this one knows the time of the step that it is asked for."""

    secret: str

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps of half a minute from now."""
        counter = int(time.time()) // 30 + steps
        return str(totp.format_hotp_value(totp.hotp_value(self.secret, counter)))

    def wrong(self) -> str:
        """No code of any step about now."""
        right = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def app_of(person: Person) -> App:
    """Set up an app, as its page does."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person.user, secret)
    return App(secret)


def recovery_codes_of(person: Person) -> list[str]:
    codes: list[str] = RecoveryCodes.activate(person.user).generate_codes()
    return codes


def factors_of(person: Person) -> set[str]:
    return set(Authenticator.objects.filter(user=person.user).values_list("type", flat=True))


@dataclass(slots=True)
class Passkey:
    """A device that signs what a page of https://testserver asks of it."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str = ""
    origin: str = "https://testserver"

    def added(self, browser: Browser, **fields: str) -> Any:
        """Add it on its page; the answer. The person has just signed in."""
        page = browser.get(f"{FACTORS}webauthn/add/")
        assert page.status_code == 200, page
        options = page.context["js_data"]["creation_options"]["publicKey"]
        return browser.post(
            f"{FACTORS}webauthn/add/",
            {"name": "Key", "passwordless": "on", "credential": self._made(options), **fields},
        )

    def signs_in(self, browser: Browser, **fields: str) -> Any:
        """Use it alone; the answer."""
        address = f"{FACTORS}webauthn/login/"
        told = browser.get(address, headers={"Accept": "application/json"}).json()
        options = told["request_options"]["publicKey"]
        return browser.post(address, {"credential": self.proof(options), **fields})

    def _made(self, options: dict[str, Any]) -> str:
        self.user_handle = options["user"]["id"]
        to_cose: Any = ES256.from_cryptography_key
        public = to_cose(self.key.public_key())
        credential = AttestedCredentialData.create(bytes(16), self.id, public)
        flags = AuthenticatorData.FLAG.AT | self._flags
        data = AuthenticatorData.create(self._rp, flags, 0, credential)
        attestation = AttestationObject.create("none", data, {})
        return json.dumps(
            {
                "id": websafe_encode(self.id),
                "rawId": websafe_encode(self.id),
                "type": "public-key",
                "response": {
                    "clientDataJSON": websafe_encode(
                        self._client_data("webauthn.create", options["challenge"])
                    ),
                    "attestationObject": websafe_encode(bytes(attestation)),
                },
                "clientExtensionResults": {"credProps": {"rk": True}},
            }
        )

    def proof(self, options: dict[str, Any]) -> str:
        """Answer this challenge."""
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = AuthenticatorData.create(self._rp, self._flags, 1)
        signed = bytes(data) + hashlib.sha256(client_data).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            {
                "id": websafe_encode(self.id),
                "rawId": websafe_encode(self.id),
                "type": "public-key",
                "response": {
                    "clientDataJSON": websafe_encode(client_data),
                    "authenticatorData": websafe_encode(bytes(data)),
                    "signature": websafe_encode(signature),
                    "userHandle": self.user_handle,
                },
                "clientExtensionResults": {},
            }
        )

    @property
    def _flags(self) -> AuthenticatorData.FLAG:
        return AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV

    @property
    def _rp(self) -> bytes:
        return hashlib.sha256(self.origin.removeprefix("https://").encode()).digest()

    def _client_data(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()
