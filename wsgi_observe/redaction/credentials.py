"""Credentials, keys and tokens that are recognised by their form alone."""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import partial
from string import ascii_letters, digits

from wsgi_observe.redaction.budget import REDACTED
from wsgi_observe.redaction.personal_data import DIGITS_TO_ZERO
from wsgi_observe.redaction.search import Replacement, Search
from wsgi_observe.redaction.value_ends import find_value_end

_private_key = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----END )[\s\S])*+(?:-----END [A-Z0-9 ]{0,60}(?:-----)?)?"
)
# A JWT (RFC 7519), also signed by itsdangerous, or encrypted, in five parts (RFC 7516).
_jwt = re.compile(r"(?:(?<![\w-])|(?<=%[0-9a-fA-F]{2}))eyJ[\w-]{8,}+(?:\.[\w-]*+)+", re.ASCII)
_auth_scheme = re.compile(
    r"\b(?P<scheme>bearer|basic)(?: |\+|%20)+(?!(?:bearer|basic)\b)(?P<value>[\w.~+/-]{4,}+={0,3})",
    re.I | re.A,
)
# RFC 3986, section 3.2.1; a `#`, `?` or `@` that is not encoded is taken as part of the password.
_password_in_url = re.compile(r"://[^\s/?#@:\"'<>]*+:(?!\d{1,5}[?#])(?P<value>[^\s/\"'<>]{0,256})@")
# With a slash that is not encoded: `pg://jane:a/b@db`, but not `http://db:5432/a@b`.
_slash_in_password = re.compile(
    r"://[^\s/?#@:\"'<>]*+:(?!\d{1,5}(?:[/?#\s,;)]|\Z))(?P<value>(?:[^\s/@\"'<>]|/(?!/)){1,256}+)@"
)
# A token as the user, also with a constant as the password: `https://<token>:x-oauth-basic@…`.
_token_in_url = re.compile(r"://(?P<value>[^\s/?#@:\"'<>]{16,}+)(?=@|:[^\s/?#@:\"'<>]{0,64}@)")
_oracle = re.compile(r"\bthin:[^\s/:@\"']{1,64}/(?!/)(?P<value>[^\s@\"']{1,256})@")
sql_parameters = re.compile(
    r"(?:\[parameters: |\[(?:generated in|cached since|raw sql|no key)[^\]\n]{0,60}\] |"
    r"Failing row contains )"
)

# Row IDs and counts; under a sensitive name they are searched again.
_only_numbers = re.compile(
    r"[({](?:(?:'\w{1,64}+': )?(?:\d{1,9}+|None|True|False)(?:, ?)?)*+[)}]\]?"
)


def redact_credentials(text: str, search: Search) -> str:
    """Return `text` without credentials in URLs, headers, keys and SQL parameters."""
    if "-----BEGIN" in text:
        text = _private_key.sub(REDACTED, text)
    if "[" in text or "Failing" in text:
        text = search.replace_matches(text, sql_parameters, partial(_replace_parameters, search))
    if "://" in text:
        text = search.replace_matches(text, _password_in_url)
        text = search.replace_matches(text, _slash_in_password)
        text = search.replace_matches(text, _token_in_url, partial(_replace_user, search))
    if "thin:" in text:
        text = search.replace_matches(text, _oracle)
    if "eyJ" in text:
        text = _jwt.sub(REDACTED, text)
    folded = text.lower()  # faster than a pattern that ignores case
    if "bearer" in folded or "basic" in folded:
        text = search.replace_matches(text, _auth_scheme, partial(_replace_credential, search))
    return text


def _replace_parameters(search: Search, match: re.Match[str]) -> Replacement | None:
    """Replace the parameters in SQLAlchemy's messages, and the row in PostgreSQL's."""
    is_list = match[0].startswith("[parameters")
    end = find_value_end(match.string, match.start() if is_list else match.end(), search.budget)
    if _only_numbers.fullmatch(match.string, match.end(), end):
        return None
    return match.end(), max(end, match.end()), REDACTED + ("]" if is_list else "")


def _replace_user(search: Search, match: re.Match[str]) -> Replacement | None:
    return search.replace_value(match) if _looks_random(match["value"]) else None


def _replace_credential(search: Search, match: re.Match[str]) -> Replacement | None:
    scheme, value = match["scheme"], match["value"]
    is_one = scheme.lower() == "basic" and _is_basic_credential(value)
    if not is_one and (not _looks_random(value, 4) or _is_next_name(match)):
        return None
    return search.replace_value(match)


def _is_next_name(match: re.Match[str]) -> bool:
    """Return whether the word after the scheme is another name: ``bearer expires_in=3600``."""
    value = match["value"]
    is_assigned = value.endswith("=") and not match.string[match.end() : match.end() + 1].isspace()
    words = value.rstrip("=").split("_")
    return len(words) > 1 and is_assigned and all(map(str.islower, words))


def _looks_random(text: str, min_length: int = 16) -> bool:
    """Return whether it is no word of prose, as in ``bearer authentication``."""
    if len(text) < min_length:
        return False
    inner = text[1:]
    has_digit = any(map(str.isdigit, text))
    is_mixed = not inner.islower() and not text.isupper() and any(map(str.isupper, inner))
    return has_digit or is_mixed or "_" in text or "~" in text or len(text) >= 24


def _is_basic_credential(text: str) -> bool:
    try:
        return b":" in a2b_base64(text + "=" * (-len(text) % 4))
    except Base64Error:
        return False


# The form of each vendor's tokens, and where it is documented.
_TOKEN_PATTERNS = (
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; a secret may follow
    r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?:[\s:,/|\"']{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9+]))?",
    # docs.github.com/authentication: about authentication to GitHub, token formats
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
    # docs.gitlab.com/security/tokens: token prefixes
    r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[\w.-]{20,}+",
    # api.slack.com/authentication/token-types; hooks.slack.com
    r"xox[abeoprs]-[A-Za-z0-9.-]{10,}+|xapp-\d-[A-Za-z0-9-]{10,}+",
    # docs.stripe.com/keys, docs.stripe.com/webhooks
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/]{24,}+",
    # platform.openai.com/docs, docs.anthropic.com: API keys
    r"sk-(?:proj-|svcacct-|admin-|ant-)?[A-Za-z0-9_-]{20,}+",
    # cloud.google.com/docs/authentication/api-keys, developers.google.com/identity/protocols/oauth2
    r"AIza[\w-]{35}|ya29\.[\w-]{20,}+|GOCSPX-[\w-]{28}",
    # docs.npmjs.com/about-access-tokens, pypi.org/help/#apitoken, guides.rubygems.org
    r"npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}+|rubygems_[0-9a-f]{48}",
    # docs.sendgrid.com/ui/account-and-settings/api-keys, documentation.mailgun.com
    r"SG\.[\w-]{16,32}\.[\w-]{16,64}|key-[0-9a-f]{32}",
    # developer.hashicorp.com/vault/docs/concepts/tokens, …/terraform/cloud-docs/users-teams-…
    r"hv[sbr]\.[\w-]{24,}+|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}+",
    # the links of webhooks: api.slack.com/messaging/webhooks, discord.com/developers/docs
    r"(?:(?<=hooks\.slack\.com/services/)|"
    r"(?<=discord\.com/api/webhooks/)|(?<=discordapp\.com/api/webhooks/))[\w/-]{20,}+",
    # learn.microsoft.com/azure/storage/common/storage-sas-overview: the signature of a link
    r"(?<=[?&;]sig=)[A-Za-z0-9%+/=_-]{20,}+",
    # www.twilio.com/docs/iam/api-keys, docs.digitalocean.com/reference/api
    r"SK[0-9a-f]{32}|do[opr]_v1_[0-9a-f]{64}",
    # docs.databricks.com/dev-tools/auth, huggingface.co/docs/hub/security-tokens
    r"dapi[0-9a-f]{32}|hf_[A-Za-z0-9]{30,}+",
    # shopify.dev/docs/apps/auth, developer.squareup.com/docs/build-basics/access-tokens
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0[a-z]{3}-[\w-]{22,43}|EAAA[\w-]{60}",
    # core.telegram.org/bots/features#authorizing-your-bot
    r"\d{8,10}:AA[\w-]{33}",
    # docs.docker.com/security/for-developers/access-tokens, grafana.com/docs: service accounts
    r"dckr_(?:pat|oat)_[\w-]{20,}+|gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}+",
    # developer.atlassian.com/cloud, linear.app/developers, docs.newrelic.com, docs.sentry.io
    r"ATATT3[\w=-]{50,}+|lin_api_\w{32,}+|NRAK-[A-Z0-9]{27}|sntry[su]_[\w=+/-]{20,}+",
    # www.pulumi.com/docs, docs.doppler.com/reference, github.com/FiloSottile/age
    r"pul-[0-9a-f]{40}|dp\.[a-z]{2,6}\.[A-Za-z0-9]{40,44}|AGE-SECRET-KEY-1[0-9A-Z]{58}",
)
vendor_token = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TOKEN_PATTERNS)})", re.ASCII)
# Each token contains one of them; to search for these takes a twentieth of the time.
_PREFIXES = (
    *("AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-"),
    *("glagent-", "glsoat-", "glffct-", "xox", "xapp-", "k_live_", "k_test_", "whsec_", "sk-"),
    *("AIza", "ya29.", "GOCSPX-", "npm_", "pypi-", "rubygems_", "SG.", "key-", "hvs.", "hvb."),
    *("hvr.", ".atlasv1.", "sig=", "SK", "_v1_", "dapi", "hf_", "shpat_", "shpca_", "shppa_"),
    *("shpss_", "sq0", "EAAA", ":AA", "dckr_", "glsa_", "glc_", "ATATT3", "lin_api_", "NRAK-"),
    *("sntry", "pul-", "dp.", "AGE-SECRET-KEY", "hooks.slack.com", "/webhooks/"),
)
# Grouped by their rarest character, whose absence rules out all prefixes of its group.
_RARE_CHARACTERS = "_.:=/AKGxqyp-"
_PREFIXES_OF = {
    character: [
        prefix.encode().translate(DIGITS_TO_ZERO).decode()
        for prefix in _PREFIXES
        if character == next(filter(prefix.__contains__, _RARE_CHARACTERS), None)
    ]
    for character in _RARE_CHARACTERS
}

TOKEN_CHARACTERS = bytes(
    ord("a") if chr(one) in f"{ascii_letters}{digits}_-" else ord(" ") for one in range(256)
)
"""Translates UTF-8 so that a possible token contains `LONG_RUN`, which is fast to search for."""

LONG_RUN = "a" * 16


def redact_vendor_tokens(text: str) -> str:
    """Return `text` without tokens and keys of known vendors."""
    shape = text.encode("utf-8", "surrogatepass").translate(DIGITS_TO_ZERO)
    if LONG_RUN in shape.translate(TOKEN_CHARACTERS).decode("latin-1") and has_token_prefix(shape):
        text = vendor_token.sub(REDACTED, text)
    return text


def has_token_prefix(shape: bytes) -> bool:
    """Return whether a text contains a vendor's prefix, with any other digits.

    :param shape: the text, translated by `DIGITS_TO_ZERO`.
    """
    text = shape.decode("latin-1")
    for character, prefixes in _PREFIXES_OF.items():
        if character in text:  # a loop, since a generator takes longer than the search
            for prefix in prefixes:
                if prefix in text:
                    return True
    return False


_MIN_LINK_LENGTH = 23  # of a path that `redact_links` may change
_LINK_KEYWORDS = (
    *("reset", "verif", "confirm", "activat", "token", "invit", "unsubscri", "magic", "unlock"),
    "recover",
)
# `/reset/<token>`; Django has the user before it: `/reset/MQ/<token>/`.
_token_link = re.compile(
    rf"(?P<before>/[\w.~-]{{0,40}}(?:{'|'.join(_LINK_KEYWORDS)})[\w.~-]{{0,40}}/(?:[\w.~=%-]{{1,64}}/)?)"
    r"(?P<token>[\w.~=%-]{16,})",
    re.IGNORECASE,
)


def redact_links(path: str) -> str:
    """Return a path without the one-time token of a link, such as to reset a password.

    >>> redact_links("/reset/4f5d6e7a8b9c0d1e2f3a"), redact_links("/reset/how-to-do-that")
    ('/reset/[REDACTED]', '/reset/how-to-do-that')
    """
    if len(path) < _MIN_LINK_LENGTH or not any(map(path.lower().__contains__, _LINK_KEYWORDS)):
        return path
    return _token_link.sub(_redact_link, path)


def _redact_link(match: re.Match[str]) -> str:
    token = match["token"]
    has_digits = any(map(str.isdigit, token)) and any(map(str.isalpha, token))
    is_random = has_digits or (not token.islower() and not token.isupper())
    return f"{match['before']}{REDACTED}" if is_random else match[0]
