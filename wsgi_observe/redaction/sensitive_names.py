"""SensitiveNames: decides by words whether the value of a name is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import category, normalize
from urllib.parse import unquote_plus

from wsgi_observe.field_names import ACCESS_NAMES, LINE_NAMES
from wsgi_observe.redaction.budget import Budget, make_room

NEVER_SENSITIVE = (LINE_NAMES | ACCESS_NAMES | {"trace_flags", "client_request_id"}) - {
    *("message", "path", "exc_info", "query_string", "user_agent", "host", "referer"),
}
"""Names of a log line's IDs, times and facts, which are never redacted."""

NAME_KEYS = ("name", "key", "field", "header", "param")
"""Keys of a name whose value is below a key of its own: ``{"name": "token", "value": …}``."""

VALUE_KEYS = ("value", "val", "content", "input")
"""Keys of such a value."""

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


def _parse_terms(table: str) -> tuple[str, ...]:
    terms = (term for line in table.split("\n") for term in line.split(",") if term)
    return tuple(fold(term.strip()) for term in terms)


# Passwords, secrets, tokens, cards and accounts; two words may also be written as one.
_TERMS = _parse_terms("""
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
""")
# In languages written without spaces: the last part of a compound.
_UNSPACED_TERMS = _parse_terms("""
パスワード, 暗証番号, 秘密鍵, トークン, カード番号, 口座番号
密码, 密碼, 口令, 密钥, 密鑰, 私钥, 私鑰, 令牌, 卡号, 卡號, 信用卡, 银行账号
비밀번호, 암호, 비밀키, 토큰, 카드번호, 계좌번호
""")
_ALL_TERMS = (*_TERMS, *_UNSPACED_TERMS)
_WORD_SEQUENCES = [term.split() for term in _ALL_TERMS if " " in term]

# Words that make a name sensitive, and sequences of words, also written as one word.
_SENSITIVE_TERMS: frozenset[str | tuple[str, ...]] = frozenset(
    {*(term.replace(" ", "") for term in _ALL_TERMS), *map(tuple, _WORD_SEQUENCES)}
)

TERM_ENDINGS = frozenset(words[-1] for words in _WORD_SEQUENCES)
"""Last words of sensitive sequences."""

# Endings of sensitive words: no harmless word ends with one: `csrftoken`.
_SENSITIVE_ENDINGS = _parse_terms("""
password, passwd, passphrase, secret, token, apikey, secretkey, privatekey, accesskey, sessionid
sessid, sessionkey, cookie, cardnumber, credential, passwort, kennwort, motdepasse, wachtwoord
kreditkarte, kartennummer
""")

# Words that are sensitive as a whole name and, if true, as the last word of one.
_WHOLE_NAME_ONLY = {
    "pass": True,
    "pw": True,
    "clave": True,
    "auth": True,
    "sid": True,
    "card": False,
    "pin": False,
}

# Words that are sensitive in a query only, where they are credentials or personal data.
_SENSITIVE_IN_QUERY = frozenset(
    _parse_terms("""
key, sig, signature, code, state, nonce, ticket, hmac, assertion, mail, email, phone, auth, pass
card, pin, sid, saml
""")
)

# Words after a sensitive one that make the name metadata: `token_count`.
_HARMLESS_SUFFIXES = frozenset(
    _parse_terms("""
count, counter, used, usage, limit, type, kind, format, version, expire, expiry, expiration
expired, ttl, age, timeout, lifetime, duration, length, len, size, min, max, total, remaining, per
policy, policie, required, enabled, disabled, allowed, valid, invalid, missing, present, changed
created, updated, issued, verified, revoked, rotated, at, attempt, failure, failed, error
mismatch, strength, score, status, field, name, endpoint, path, file, dir, domain, samesite
httponly, secure, algorithm, alg, algo, scope, index, brand, byte, exempt, protection, rate
budget, window, interval, started, ended, provider, backend, method, manager, factory, store
class, model, ref, reference, selector, consent, param, parameter, hasher, validator, prefix
label, placeholder, rule, uri, engine, source, setting, banner, option, helper, handler
middleware, mode, state, reset, color, filename, help, title, description, caption, tooltip
exception, second, minute, hour, day, ms, only, permanent, warning
""")
)

# Words before a sensitive one that make a number a count or a switch: `max_tokens`.
_HARMLESS_PREFIXES = frozenset(
    _parse_terms("""
has, is, can, need, require, no, num, max, min, total, count, avg, mean, active, concurrent
prompt, completion, input, output, cached, reasoning, remaining, used, unused
""")
)

# Last words of the names under which a number alone is a secret.
_NUMERIC_TERMS = _parse_terms("""
pin, code, number, no, num, nr, cvv, cvc, otp, totp, ssn, iban, card, account, ccnum, password
passwd, pwd, passcode, passphrase, pass, pw, security
passwort, kennwort, mdp, contraseña, senha, wachtwoord, hasło, пароль, şifre, parola, heslo, cpf
kartennummer, kontonummer, numéro carte, пароль, kortnummer, pesel, personnummer
""")
_NUMERIC_WORDS = frozenset(term.rpartition(" ")[2] for term in (*_NUMERIC_TERMS, *_UNSPACED_TERMS))

_MAX_NAME_LENGTH = 256  # characters; a longer name is not one that a developer chose
_MAX_CACHED_NAMES = 4096
_NO_WORDS: frozenset[str] = frozenset()

_word = re.compile(r"[^\W\d_]+|\d+")
# `apiKey`, `XSRFToken` and `APIKey`, each in its words.
_camel_case_boundary = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_unicode_escape = re.compile(r"\\u([0-9a-fA-F]{4})")

Term = tuple[str, ...]


class SensitiveNames:
    """The built-in word lists, with additions and exceptions.

    A name is decoded from percent-encoding (twice, since a proxy may have encoded it again) and
    split into words: ``userApiKey``, ``user-api-key`` and ``user[api_key]`` have the same ones.

    :param add: words, or names of several words, that are sensitive too.
    :param keep: words or names that are not.
    """

    def __init__(self, add: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self._added_terms = frozenset(filter(None, map(words_of, add)))
        self._harmless_terms = frozenset(filter(None, map(words_of, keep)))
        self.beside_digits = _beside_digits(
            (*_SENSITIVE_TERMS, *self._added_terms, *self._harmless_terms)
        )
        """Words of terms with digits: other digits change nothing in a name without these words."""
        self.cached: dict[str, bool] = {}
        """Names outside queries that have been judged."""
        self.redacted_frames: dict[str, str] = {}
        """Frames of tracebacks that have been redacted."""
        self._cached_in_queries: dict[str, bool] = {}

    def is_sensitive(
        self, name: str, *, in_query: bool = False, budget: Budget | None = None
    ) -> bool:
        """Return whether the value of this name is a secret.

        :param in_query: whether it is a parameter of a query, where ``code`` and ``key`` are
            credentials.
        :param budget: what the work is charged to.
        """
        cache = self._cached_in_queries if in_query else self.cached
        cached = cache.get(name)
        if cached is None:
            if budget is not None:
                budget.steps -= 7 + min(len(name), _MAX_NAME_LENGTH) // 2
            extra_words = _SENSITIVE_IN_QUERY if in_query else _NO_WORDS
            if len(name) > _MAX_NAME_LENGTH:
                cached = True
            else:
                make_room(cache, _MAX_CACHED_NAMES)
                cached = cache[name] = self._classify(name, extra_words)
        if budget is not None:
            budget.steps -= 1
        return cached

    def is_added(self, name: str) -> bool:
        """Return whether a name was added to the lists: then even a number is a secret."""
        if not self._added_terms or len(name) > _MAX_NAME_LENGTH:
            return False
        name = _decode_name(name)
        return any(any(_find_terms(words, self._added_terms)) for words in _iter_word_splits(name))

    def hides_numbers(self, name: str) -> bool:
        """Return whether a number is a secret under this sensitive name, and not a count.

        It is if the name ends in pin, code, number, password and the like.
        """
        return len(name) > _MAX_NAME_LENGTH or _names_numeric_secret(name) or self.is_added(name)

    def is_metadata(self, name: str) -> bool:
        """Return whether a name has a word for a property of something: ``minLength``."""
        return not _HARMLESS_SUFFIXES.isdisjoint(words_of(name[:_MAX_NAME_LENGTH]))

    def hides(self, name: str, kind: type) -> bool:
        """Return whether a value of this type is a secret under this sensitive name."""
        if kind is type(None):
            return False
        if kind is bool:
            return self.is_added(name)
        return kind not in (int, float) or self.hides_numbers(name)

    def _classify(self, name: str, extra_words: frozenset[str]) -> bool:
        if name in NEVER_SENSITIVE:
            return False
        for words in _iter_word_splits(_decode_name(name)):
            result = self._classify_words(words, extra_words)
            if result is not None:
                return result
        return False

    def _classify_words(self, words: Term, extra_words: frozenset[str]) -> bool | None:
        """Return None for words that are on no list, False for metadata such as ``token_count``."""
        if any(_find_terms(words, self._added_terms)):
            return True
        harmless = list(_find_terms(words, self._harmless_terms))
        result = None
        for start, end in _find_sensitive_terms(words, extra_words):
            is_harmless = any(first <= start and end <= last for first, last in harmless)
            result = result or not (is_harmless or _is_metadata(words, end))
        return result


def _beside_digits(terms: Iterable[str | Term]) -> frozenset[str]:
    """Return, of each term with a digit as one of its words, the longest other word."""
    return frozenset(
        max(filter(str.isalpha, term), key=len, default="")
        for term in terms
        if not isinstance(term, str) and not all(map(str.isalpha, term))
    )


def _decode_name(name: str) -> str:
    if "%" in name or "+" in name:
        name = unquote_plus(unquote_plus(name))
    if "\\" in name:
        name = _unicode_escape.sub(lambda match: chr(int(match[1], 16)), name)
    return name


def words_of(name: str) -> Term:
    """Return a name's words: ``userApiKey`` has three."""
    return _split_words(_camel_case_boundary.sub("_", name))


def _split_words(name: str) -> Term:
    return tuple(_to_singular(word) for word in _word.findall(fold(name)))


def _iter_word_splits(name: str) -> Iterable[Term]:
    """Yield a name's words, split at changes of case, then not: ``ToKeN`` is one word."""
    yield words_of(name)
    yield _split_words(name)


def _to_singular(word: str) -> str:
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def _find_terms(words: Term, terms: frozenset[Term]) -> Iterable[tuple[int, int]]:
    for term in terms:
        for start in range(len(words) - len(term) + 1):
            if words[start : start + len(term)] == term:
                yield start, start + len(term)


def _find_sensitive_terms(words: Term, extra_words: frozenset[str]) -> Iterable[tuple[int, int]]:
    """Yield the spans of the sensitive words and terms in a name."""
    last = len(words) - 1
    for index, word in enumerate(words):
        if (
            word in _SENSITIVE_TERMS
            or word.endswith(_SENSITIVE_ENDINGS)
            or (not word.isascii() and word.endswith(_UNSPACED_TERMS))
            or word in extra_words
            or (
                word in _WHOLE_NAME_ONLY
                and last == index
                and (index == 0 or _WHOLE_NAME_ONLY[word])
            )
        ):
            yield index, index + 1
        if word in TERM_ENDINGS:
            for start in (index - 1, index - 2):
                if start >= 0 and words[start : index + 1] in _SENSITIVE_TERMS:
                    yield start, index + 1


@lru_cache(_MAX_CACHED_NAMES)
def _names_numeric_secret(name: str) -> bool:
    folded = fold(_camel_case_boundary.sub("_", _decode_name(name)))
    words = [word for word in _word.findall(folded) if word.isalpha()]
    if not words or _to_singular(words[-1]) != words[-1]:
        return False  # a plural: the number is a count
    is_counted = len(words) > 1 and (
        words[0] in _HARMLESS_PREFIXES or words[-2] in _HARMLESS_PREFIXES
    )
    is_result = words == ["pass"]  # `pass: 12, fail: 0`
    return words[-1] in _NUMERIC_WORDS and not is_counted and not is_result


def _is_metadata(words: Term, end: int) -> bool:
    """Return whether it is metadata of a secret: ``token_count``, ``password_policy``."""
    return end < len(words) and (
        words[end] in _HARMLESS_SUFFIXES or words[-1] in _HARMLESS_SUFFIXES
    )
