"""Texts that must be read again and seen by nobody: passwords of others' systems, at rest.

Encrypted by a key made of SECRET_KEY, so that a copy of the database alone opens none. After a
rotation the keys of SECRET_KEY_FALLBACKS open what they have sealed; saving seals it anew.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class CannotOpen(ImproperlyConfigured):
    """The key that a text was sealed with is neither SECRET_KEY nor one of its fallbacks."""


def seal(text: str) -> str:
    """Encrypt a text, with a mark of authenticity and the time."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises CannotOpen."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotOpen(
            "A secret was sealed with a SECRET_KEY that is neither this one nor in"
            " SECRET_KEY_FALLBACKS: enter it again, or put the old key back."
        ) from error


def _fernet() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_key(key)) for key in keys])


def _key(secret: str) -> bytes:
    """Not the key itself: what is made for another purpose never opens this."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"bos sealed\0" + secret.encode()).digest())


class SealedField(TextField):
    """A text that the database has encrypted; an empty one is kept empty.

    Rows are read with it sealed: `unseal(row.secret)` where it is used, so that no list, log or
    history shows it by accident. Set it by `row.secret = seal(text)`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"editable": False, "blank": True, "default": ""}
        super().__init__(*args, **kwargs)

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Raises ValueError where somebody has forgotten to seal it."""
        is_column = hasattr(value, "as_sql")  # another one, sealed as this is
        if value and not is_column and not str(value).startswith(_BEGIN):
            raise ValueError(f"{self.attname} is not sealed")
        return super().get_db_prep_save(value, connection)


_BEGIN = "gAAAA"
"""How every text of Fernet begins: its version, and a time before the year 2106."""
