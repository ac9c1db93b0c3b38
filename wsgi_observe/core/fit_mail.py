"""Fit-checks for the settings of mail."""

from __future__ import annotations

import re
from typing import Any

from wsgi_observe.core.fit import SettingsError
from wsgi_observe.core.fit_words import texts

_ADDRESS = "mail addresses such as ops@example.com"

# What RFC 5321 allows and people have; above all nothing that could end a header.
_AN_ADDRESS = r"[!#-'*+/-9=?A-Z^-~-]+(?:\.[!#-'*+/-9=?A-Z^-~-]+)*@[A-Za-z0-9.-]+"
_A_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"


def addresses(name: str, value: Any) -> tuple[str, ...]:
    """Check mail addresses, if any."""
    return texts(name, value, _ADDRESS, lambda each: re.fullmatch(_AN_ADDRESS, each))


def address(name: str, value: Any) -> str:
    """Check one mail address, or an empty text for none."""
    if value != "" and (not isinstance(value, str) or not re.fullmatch(_AN_ADDRESS, value)):
        raise SettingsError(name, "a mail address such as shop@example.com", value)
    return str(value)


def host(name: str, value: Any) -> str:
    """Check a host, and its port behind a colon."""
    found = re.fullmatch(_A_HOST, value) if isinstance(value, str) else None
    if found is None or not 0 < int(found[1] or 25) < 65536:
        raise SettingsError(name, "a host such as mail.example.com or localhost:1025", value)
    return str(value)


def secret_text(name: str, value: Any) -> str:
    """Check a text that no error may tell."""
    if not isinstance(value, str):
        raise SettingsError(name, "a text", f"a {type(value).__name__}")
    return value


def check_mail(settings: Any) -> None:
    """Check what only the settings of mail together can tell."""
    if bool(settings.mail_user) != bool(settings.mail_password):
        raise SettingsError("mail_password", "both mail_user and mail_password, or none", "one")
    is_here = settings.mail_host.partition(":")[0] in ("localhost", "127.0.0.1")
    if settings.mail_user and settings.mail_tls == "off" and not is_here:
        raise SettingsError("mail_tls", "starttls or tls, since a password is sent", "off")
