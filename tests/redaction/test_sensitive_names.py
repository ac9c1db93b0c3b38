"""Which names are sensitive: whole words in any spelling, and nothing that only sounds so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe import SettingsError
from wsgi_observe.redaction import Redactor

SENSITIVE = [
    *("password", "passwd", "pwd", "passphrase", "passcode", "db_pass", "pass", "passwords"),
    *("secret", "client_secret", "clientSecret", "CLIENT-SECRET", "app.secret", "secrets"),
    *("token", "access_token", "refreshToken", "X-Auth-Token", "tokens", "id_token", "next_token"),
    *("api_key", "apiKey", "APIKey", "apikey", "x-api-key", "API_KEYS", "google_api_key"),
    *("authorization", "Authorization", "HTTP_AUTHORIZATION", "Proxy-Authorization", "auth"),
    *("cookie", "Cookie", "Set-Cookie", "HTTP_COOKIE", "cookies", "auth_cookie"),
    *("session", "session_id", "sessionid", "PHPSESSID", "JSESSIONID", "session[id]", "sid"),
    *("csrf", "csrf_token", "csrfmiddlewaretoken", "X-CSRFToken", "XSRF-TOKEN", "xsrf"),
    *("card_number", "cardNumber", "credit_card", "creditcard", "card", "card[number]", "cvv"),
    *("cvv2", "cvc", "iban", "account_number", "bank_account", "routing_number", "sort code"),
    *("private_key", "privateKey", "PRIVATE KEY", "rsa_private_key_pem", "ssh_key", "id_rsa_key"),
    *("secret_key", "SECRET_KEY", "aws_secret_access_key", "AWSAccessKeyId", "signing_key"),
    *("credentials", "user_credentials", "creds", "jwt", "bearer", "otp", "ssn", "pin"),
    *("password1", "password_2", "oauth2Token", "pass_word", "passWord", "user[password]"),
    *("user%5Bpassword%5D", "%70assword", "%2570assword", "pass%77ord", "ToKeN", "pAsSwOrD"),
    *("user.password", "user-api-key", "usertoken", "mysecret", "password_hash", "token[]"),
    *("$password", "__Host-session", "connect.sid", "security_code", "recoveryCodes"),
    "\\u0070assword",
]
COUNTED = [
    *("max_tokens", "prompt_tokens", "completion_tokens", "total_tokens", "has_password"),
    *("is_token", "active_sessions", "cached_tokens", "input_tokens", "num_cookies", "tokens"),
    *("has_user_password", "user_has_password", "max_card_pin", "pass"),
]
HARMLESS = [
    *("tokens_used", "next_page_token_count", "author", "discard", "keyboard", "token_count"),
    *("tokens_per_second",),
    *("tokenizer", "tokenize", "tokenised", "secretary", "secretariat", "passenger", "passed"),
    *("passage", "compass", "bypass", "passive", "password_changed_at", "password_length"),
    *("password_policy", "passwordless", "token_type", "tokenType"),
    *("token_expires_at", "token_ttl", "session_timeout", "session_count"),
    *("session_duration_ms", "obsession", "possession", "key", "keys", "keyword", "key_count"),
    *("primary_key", "foreign_key", "public_key", "cache_key", "idempotency_key", "sort_key"),
    *("monkey", "turkey", "keynote", "hotkey", "authors", "authored_by", "authority"),
    *("authentic", "authenticated", "auth_method", "authorization_endpoint", "cookie_count"),
    *("cookie_name", "cookie_domain", "csrf_enabled", "card_type", "card_brand", "cardinality"),
    *("cardboard", "postcard", "wildcard", "scorecard", "discarded", "account_id", "account"),
    *("number", "order_number", "code", "status_code", "country_code", "state", "pinned"),
    *("spin", "pinch", "opinion", "besides", "side", "sidecar", "request_id", "trace_id"),
    *("span_id", "timestamp", "duration_ms", "ttfb_ms", "user_agent", "page", "q", "email"),
    *("card_layout", "auth_user", "pass_through", "pin_board", "wild_card"),
    *("token_type_hint", "token_bucket_size"),
    *("name", "username", "user_id", "id", "bank", "private", "credit", "apple", "", "-", "42"),
]


def test_a_sensitive_name_is_known_in_any_spelling() -> None:
    assert [name for name in SENSITIVE if not Redactor().is_sensitive(name)] == []


def test_a_harmless_name_stays() -> None:
    assert [name for name in HARMLESS if Redactor().is_sensitive(name)] == []


def test_a_number_is_no_secret_under_a_name_that_counts_and_a_text_is() -> None:
    redactor = Redactor()
    assert [name for name in COUNTED if redactor.field(name, 512) != 512] == []
    assert [name for name in COUNTED if not redactor.is_sensitive(name)] == []
    assert (
        redactor.text("max_tokens=512, has_password: True") == "max_tokens=512, has_password: True"
    )


@pytest.mark.parametrize("before", ["input", "active", "cached", "used", "is", "max"])
@pytest.mark.parametrize("name", ["{}_password", "{}_token"])
def test_a_word_before_it_makes_a_text_no_less_a_secret(before: str, name: str) -> None:
    assert Redactor().is_sensitive(name.format(before))


@pytest.mark.parametrize(
    "name", ["pin", "otp", "cvv", "card_number", "security_code", "password", "user_pin", "cardNo"]
)
def test_a_number_is_a_secret_where_secrets_are_numbers(name: str) -> None:
    redactor = Redactor()
    assert redactor.field(name, 1234) == "[REDACTED]"
    assert redactor.text(f"{name}=1234") == f"{name}=[REDACTED]"
    assert redactor.field(name, True) is True


OTHER_LANGUAGES = [
    *("Passwort", "benutzerKennwort", "motDePasse", "mot_de_passe", "contraseña", "contrasena"),
    *("user_contrasena", "senha", "senha_usuario", "parola", "wachtwoord", "hasło", "haslo"),
    *("Пароль", "пароль_пользователя", "şifre", "sifre", "heslo", "jelszó", "lösenord", "salasana"),
    *("パスワード", "ユーザーパスワード", "密码", "用户密码", "비밀번호", "토큰", "jeton", "токен"),
    *("kartennummer", "numéro de carte", "numeroTarjeta", "номер_карты", "カード番号", "卡号"),
    *("kontonummer", "número_de_cuenta", "계좌번호", "adgangskode", "passord", "mật_khẩu"),
    *("kata_sandi", "รหัสผ่าน", "पासवर्ड", "סיסמה", "كلمة_المرور", "κωδικός_πρόσβασης"),
]


def test_names_in_other_languages_are_known_in_any_spelling() -> None:
    redactor = Redactor()
    assert [name for name in OTHER_LANGUAGES if not redactor.is_sensitive(name)] == []
    texts = [f"{name}: hunter22x, page=2" for name in OTHER_LANGUAGES]
    assert [text for text in map(redactor.text, texts) if "hunter22x" in text] == []


@pytest.mark.parametrize(
    "name",
    ["Karte", "konto", "mot", "carte", "numero", "secretaria", "слово", "カード", "名前", "이름"],
)
def test_words_of_other_languages_that_only_sound_so_stay(name: str) -> None:
    assert not Redactor().is_sensitive(name)


@pytest.mark.parametrize("name", ["code", "state", "key", "sig", "email", "nonce", "token"])
def test_in_a_query_more_is_sensitive(name: str) -> None:
    assert Redactor().is_sensitive(name, in_query=True)


@pytest.mark.parametrize("name", ["page", "q", "sort", "tokens_used", "author", "keyboard"])
def test_in_a_query_too_what_is_harmless_stays(name: str) -> None:
    assert not Redactor().is_sensitive(name, in_query=True)


@pytest.mark.parametrize(
    ("added", "name"),
    [
        ("salary", "yearly-salary"),
        ("order_note", "orderNote"),
        ("order note", "order-notes"),
        ("vin", "VIN"),
        ("tokens_used", "tokens_used"),
        ("wunderwort", "Wunderwort"),
    ],
)
def test_a_name_can_be_added(added: str, name: str) -> None:
    assert not Redactor().is_sensitive(name)
    assert Redactor(add=[added]).is_sensitive(name)


@pytest.mark.parametrize(
    ("kept", "free", "still"),
    [
        ("session", "session_id", "session_token"),
        ("session_id", "session_id", "session_key"),
        ("token", "page_token", "secret_token"),
        ("page_token", "nextPageToken", "token"),
        ("api key", "api_key", "api_secret"),
    ],
)
def test_a_name_can_be_taken_off(kept: str, free: str, still: str) -> None:
    redactor = Redactor(keep=[kept])
    assert not redactor.is_sensitive(free)
    assert redactor.is_sensitive(still)


@pytest.mark.parametrize("value", [12, True, 1.5])
def test_under_an_added_name_a_number_is_a_secret_too(value: object) -> None:
    redactor = Redactor(add=["vin", "seats"])
    assert redactor.field("car_vin", value) == "[REDACTED]"
    assert redactor.text(f"seats={value}, vin: plainly") == "seats=[REDACTED], vin: [REDACTED]"


def test_what_is_added_counts_more_than_what_is_taken_off() -> None:
    assert Redactor(add=["token"], keep=["token"]).is_sensitive("token")


@pytest.mark.parametrize("name", ["", "-", "  "])
@pytest.mark.parametrize("option", ["add", "keep"])
def test_a_name_without_a_word_is_refused(option: str, name: str) -> None:
    with pytest.raises(
        SettingsError, match=f"redact_{option} must be names .* with a letter or a digit"
    ):
        Redactor(**{option: [name]})


@pytest.mark.parametrize("option", ["add", "keep"])
def test_one_name_in_place_of_a_list_is_refused(option: str) -> None:
    with pytest.raises(SettingsError, match=f"redact_{option} must be names"):
        Redactor(**{option: "ssn"})


def test_a_name_that_nobody_would_give_is_sensitive() -> None:
    assert Redactor().is_sensitive("a" * 300)


@given(st.text(), st.text())
def test_any_name_has_an_answer_and_always_the_same(name: str, added: str) -> None:
    redactor = Redactor()
    assert (
        redactor.is_sensitive(name) == redactor.is_sensitive(name) == Redactor().is_sensitive(name)
    )


@given(st.sampled_from(SENSITIVE), st.sampled_from(["user", "X", "db", "old", "0"]))
@pytest.mark.parametrize("join", ["{}_{}", "{}-{}", "{}.{}", "{}[{}]", "{}%5B{}%5D", "{} {}"])
def test_a_sensitive_name_is_sensitive_behind_another(join: str, name: str, before: str) -> None:
    if name not in ("card", "pin"):  # a wild card, a hat pin
        assert Redactor().is_sensitive(join.format(before, name))


def test_more_names_than_are_remembered_are_judged_all_the_same() -> None:
    redactor = Redactor()
    for number in range(10_000):
        assert not redactor.is_sensitive(f"name_{number}x")
    assert redactor.is_sensitive("one_more_token")
