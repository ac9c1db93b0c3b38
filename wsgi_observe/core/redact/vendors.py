"""Tokens and keys that give themselves away by the prefix that their vendor has given them."""

from __future__ import annotations

import re
from string import ascii_letters, digits

from wsgi_observe.core.redact.words import REDACTED

# The form of each, and where its vendor or the makers of secret scanners describe it.
_FORMS = (
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
_token = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_FORMS)})", re.ASCII)
# One of them is in each: to look for them takes a twentieth of the time.
PREFIXES = (
    *("AKIA", "ASIA", "ABIA", "ACCA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "gloas-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-"),
    *("glagent-", "glsoat-", "glffct-", "xox", "xapp-", "k_live_", "k_test_", "whsec_", "sk-"),
    *("AIza", "ya29.", "GOCSPX-", "npm_", "pypi-", "rubygems_", "SG.", "key-", "hvs.", "hvb."),
    *("hvr.", ".atlasv1.", "sig=", "SK", "_v1_", "dapi", "hf_", "shpat_", "shpca_", "shppa_"),
    *("shpss_", "sq0", "EAAA", ":AA", "dckr_", "glsa_", "glc_", "ATATT3", "lin_api_", "NRAK-"),
    *("sntry", "pul-", "dp.", "AGE-SECRET-KEY", "hooks.slack.com", "/webhooks/"),
)
_webhook = re.compile(
    r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)[\w/-]{20,}+", re.ASCII
)


WORDS = bytes(
    ord("a") if chr(one) in f"{ascii_letters}{digits}_-" else ord(" ") for one in range(256)
)
"""Translates UTF-8 to what has `LONG_WORD` in it where there may be a token: a look at all of a
text in the time that a few of its characters would take."""

LONG_WORD = "a" * 16


def without_tokens(text: str) -> str:
    """Return `text` without tokens and keys of known vendors."""
    if not _may_hold_token(text):
        return text
    return _webhook.sub(rf"\1{REDACTED}", _token.sub(REDACTED, text))


def holds_token(text: str) -> bool:
    """Return whether there is one in a text."""
    if not _may_hold_token(text):
        return False
    return _token.search(text) is not None or _webhook.search(text) is not None


def _may_hold_token(text: str) -> bool:
    words = text.encode("utf-8", "surrogatepass").translate(WORDS).decode("latin-1")
    return LONG_WORD in words and any(map(text.__contains__, PREFIXES))
