"""Word lists: words that name a secret, in many languages, and words that make it harmless."""

from __future__ import annotations

from unicodedata import category, normalize

from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES

REDACTED = "[REDACTED]"
"""The text that replaces a secret."""

NEVER_SENSITIVE = (LINE_NAMES | ACCESS_NAMES | {"trace_flags", "client_request_id"}) - {
    *("message", "path", "exc_info", "query_string", "user_agent", "host", "referer"),
}
"""Names of a log line's IDs, times and facts, which are never redacted."""

NAME_KEYS = ("name", "key", "field", "header", "param")
"""Keys of a name whose value is below a key of its own: ``{"name": "token", "value": …}``."""

VALUE_KEYS = ("value", "val", "content", "input")
"""Keys of such a value."""

# Passwords, secrets, tokens, cards and accounts; two words may also be written as one.
_TERMS = """
password, passwd, pwd, passphrase, passcode, secret, token, credential, cred, bearer
jwt, otp, totp, authorization, cookie, session, sess, sessid, csrf, xsrf, cvv, cvc, iban, ssn
ccnum, apikey, pem, oauth, psk
api key, access key, secret key, private key, encryption key, signing key, auth key, session key
master key, account key, license key, ssh key, storage key, shared key, shared access key
deploy key, consumer key, service key, app key, application key, webhook key, server key, rsa key
hmac key, subscription key
pass code, security code, recovery code, unlock code, access code, login code, confirmation code
activation code, reset code, sms code, time code, backup code, auth code, verification code
pin code, card code, sort code
card pin, card number, card no, card num, card verification, credit card, debit card, bank card
payment card, cc number, cc num, card security, account number, account no, bank account
pass word, passw 0 rd, pass phrase, pass wd, snmp community, community string, security answer
user pin, auth header, basic auth, auth data, saml response, saml assertion, routing number
social security, tax id, hub signature, amz signature
passwort, kennwort, geheimnis, zugangscode, kreditkarte, kartennummer, kontonummer, bankleitzahl
mot de passe, mdp, jeton, carte bancaire, numéro carte, numéro de carte, numéro de compte
contraseña, contrasinal, secreto, tarjeta, número de tarjeta, número cuenta, número de cuenta
clave secreta, clave privada, clave api, clave de acceso
senha, palavra passe, segredo, cartão, número do cartão, número da conta, cpf
segreto, carta credito, numero di carta, numero carta, numero di conto, codice fiscale
wachtwoord, geheim, kaartnummer, rekeningnummer
hasło, sekret, numer karty, numer konta, pesel
пароль, секрет, токен, номер карты, номер счета
номер картки, номер рахунку, ключ доступу, ключ доступа
şifre, parola, gizli anahtar, kart numarasi, kredi karti, hesap numarasi
heslo, číslo karty, číslo účtu
jelszó, kártyaszám, számlaszám
lösenord, kortnummer, personnummer
adgangskode, kodeord, passord, kontonr
salasana, korttinumero, tilinumero, henkilötunnus
κωδικός πρόσβασης, κωδικός, συνθηματικό, αριθμός κάρτας
lozinka, лозинка, парола
mật khẩu, số thẻ
kata sandi, nomor kartu, nomor rekening
كلمة المرور, كلمة السر, رمز عبور, סיסמה, รหัสผ่าน, पासवर्ड
"""
# In languages written without spaces: the last part of a compound.
_UNSPACED_TERMS = """
パスワード, 暗証番号, 秘密鍵, トークン, カード番号, 口座番号
密码, 密碼, 口令, 密钥, 密鑰, 私钥, 私鑰, 令牌, 卡号, 卡號, 信用卡, 银行账号
비밀번호, 암호, 비밀키, 토큰, 카드번호, 계좌번호
"""
_NUMERIC_TERMS = """
pin, code, number, no, num, nr, cvv, cvc, otp, totp, ssn, iban, card, account, ccnum, password
passwd, pwd, passcode, passphrase, pass, pw, security
passwort, kennwort, mdp, contraseña, senha, wachtwoord, hasło, пароль, şifre, parola, heslo, cpf
kartennummer, kontonummer, numéro carte, пароль, kortnummer, pesel, personnummer
"""
# Letters that Unicode does not decompose into a base letter and a mark.
_BASE_LETTERS = {ord("ł"): "l", ord("ø"): "o", ord("đ"): "d", 0x131: "i"}


def fold(text: str) -> str:
    """Return `text` without case and accents, to compare spellings of a name.

    >>> fold("Contraseña"), fold("Hasło")
    ('contrasena', 'haslo')
    """
    text = text.casefold()
    if text.isascii():
        return text
    letters = normalize("NFKD", text.translate(_BASE_LETTERS))
    return "".join(letter for letter in letters if category(letter)[0] != "M")


def _parse_terms(table: str) -> list[str]:
    return [fold(term.strip()) for line in table.split("\n") for term in line.split(",") if term]


UNSPACED_TERMS = tuple(_parse_terms(_UNSPACED_TERMS))
"""Endings of sensitive words in languages that are written without spaces."""

_ALL_TERMS = (*_parse_terms(_TERMS), *UNSPACED_TERMS)
_WORD_SEQUENCES = [term.split() for term in _ALL_TERMS if " " in term]

SENSITIVE_TERMS: frozenset[str | tuple[str, ...]] = frozenset(
    {*(term.replace(" ", "") for term in _ALL_TERMS), *map(tuple, _WORD_SEQUENCES)}
)
"""Words that make a name sensitive, and sequences of words, also written as one word."""

TERM_ENDINGS = frozenset(words[-1] for words in _WORD_SEQUENCES)
"""Last words of sensitive sequences."""

SENSITIVE_ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey"),
    *("accesskey", "sessionid", "sessid", "sessionkey", "cookie", "cardnumber", "credential"),
    *("passwort", "kennwort", "motdepasse", "wachtwoord", "kreditkarte", "kartennummer"),
)
"""Endings of sensitive words: no harmless word ends with one: ``csrftoken``."""

WHOLE_NAME_ONLY = {
    "pass": True,
    "pw": True,
    "clave": True,
    "auth": True,
    "sid": True,
    "card": False,
    "pin": False,
}
"""Words that are sensitive as a whole name and, if true, as the last word of one."""

SENSITIVE_IN_QUERY = frozenset(
    {
        *("key", "sig", "signature", "code", "state", "nonce", "ticket", "hmac", "assertion"),
        *("mail", "email", "phone", "auth", "pass", "card", "pin", "sid", "saml"),
    }
)
"""Words that are sensitive in a query only, where they are credentials or personal data."""

HARMLESS_SUFFIXES = frozenset(
    {
        *("count", "counter", "used", "usage", "limit", "type", "kind", "format", "version"),
        *("expire", "expiry", "expiration", "expired", "ttl", "age", "timeout", "lifetime"),
        *("duration", "length", "len", "size", "min", "max", "total", "remaining", "per"),
        *("policy", "policie", "required", "enabled", "disabled", "allowed", "valid", "invalid"),
        *("missing",),
        *("present", "changed", "created", "updated", "issued", "verified", "revoked", "rotated"),
        *("at", "attempt", "failure", "failed", "error", "mismatch", "strength", "score", "status"),
        *("field", "name", "endpoint", "path", "file", "dir", "domain", "samesite", "httponly"),
        *("secure", "algorithm", "alg", "algo", "scope", "index", "brand", "byte", "exempt"),
        *("protection", "rate", "budget", "window", "interval", "started", "ended"),
        *("provider", "backend", "method", "manager", "factory", "store", "class", "model"),
        *("ref", "reference", "selector", "consent", "param", "parameter", "hasher", "validator"),
        *("prefix", "label", "placeholder", "rule", "uri", "engine", "source", "setting"),
        *("banner", "option", "helper", "handler", "middleware", "mode", "state", "reset"),
        *("color", "filename", "help", "title"),
        *("description", "caption", "tooltip"),
        *("exception", "second", "minute", "hour", "day", "ms", "only", "permanent", "warning"),
    }
)
"""Words after a sensitive one that make the name metadata: ``token_count``."""

HARMLESS_PREFIXES = frozenset(
    {
        *("has", "is", "can", "need", "require", "no", "num", "max", "min", "total", "count"),
        *("avg", "mean", "active", "concurrent", "prompt", "completion", "input", "output"),
        *("cached", "reasoning", "remaining", "used", "unused"),
    }
)
"""Words before a sensitive one that make a number a count or a switch: ``max_tokens``."""

NUMERIC_WORDS = frozenset(
    term.rpartition(" ")[2] for term in (*_parse_terms(_NUMERIC_TERMS), *UNSPACED_TERMS)
)
"""Last words of the names under which a number alone is a secret."""
