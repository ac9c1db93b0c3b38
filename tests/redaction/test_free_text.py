"""Free text: a secret goes in whatever form it stands there, and the rest stays."""

import json
from typing import Annotated
from urllib.parse import quote

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.redaction.test_sensitive_names import HARMLESS as HARMLESS_NAMES
from wsgi_observe.redaction import REDACTED, Redactor

REDACTOR = Redactor()
SECRET = "hunter2hunter2"

FORMS = {
    "equals": "login failed: {name}={value}, attempt=3",
    "equals at the end": "login failed: {name}={value}",
    "spaced": "{name} = {value} was refused",
    "colon": "the {name}: {value} was refused",
    "colon without a space": "{name}:{value}",
    "quoted": "{name}='{value}' attempt=3",
    "JSON": '{{"id": 7, "{name}": "{value}", "page": 2}}',
    "JSON without spaces": '{{"id":7,"{name}":"{value}","page":2}}',
    "JSON in JSON": '{{"body": "{{\\"{name}\\": \\"{value}\\"}}", "page": 2}}',
    "JSON in JSON in JSON": '"{{\\"a\\": \\"{{\\\\\\"{name}\\\\\\": \\\\\\"{value}\\\\\\"}}\\"}}"',
    "text in JSON": '{{"message": "{name}={value}", "page": 2}}',
    "a list in JSON": '{{"{name}": ["{value}", "{value}"], "page": 2}}',
    "an object in JSON": '{{"{name}": {{"a]": "}}", "b": "{value}"}}, "page": 2}}',
    "a dict": "{{'id': 7, '{name}': '{value}'}}",
    "bytes in a dict": "{{b'{name}': b'{value}'}}",
    "keywords": "User(id=7, {name}='{value}')",
    "an object": "User(id=7, {name}=SecretStr('{value} {value}'), page=2)",
    "pairs": "[('Host', 'a'), ('{name}', '{value}')]",
    "an option": "ran deploy --{name} {value} --now",
    "options": "['deploy', '--{name}', '{value}']",
    "a query": "GET /orders?page=2&{name}={value}&sort=price HTTP/1.1",
    "a query with &amp;": "/orders?page=2&amp;{name}={value}&amp;sort=price",
    "a query in a query": "/login?next=%2Forders%3F{name}%3D{value}%26page%3D2",
    "a form": "page=2&{name}={value}",
    "brackets": "user[{name}]={value}&page=2",
    "a key of PostgreSQL": "Key ({name})=({value}, 7) already exists.",
    "an assignment": 'File "a.py", line 1\n    {name} = "{value}"\nValueError',
    "truncated JSON": '{{"id": 7, "{name}": "{value}',
    "truncated object": '{{"id": 7, "{name}": {{"a": "{value}", "b": ',
    "several lines": "a: 1\n{name}: {value}\nb: 2",
    "twice": "{name}={value}; {name}={value}",
    "options in JSON": '["deploy","--{name}","{value}","--now"]',
    "a list of pairs in JSON": '[["Host","a"],["{name}","{value}"]]',
    "a name and a value in JSON": '{{"id": 7, "name": "{name}", "value": "{value}"}}',
    "a value and its name in JSON": '{{"value":"{value}","name":"{name}"}}',
    "a name and a value in a dict": "[{{'name': '{name}', 'value': '{value}'}}]",
    "a name and a value in JSON in JSON": '"{{\\"name\\":\\"{name}\\",\\"value\\":\\"{value}\\"}}"',
    "a name and a value in YAML": "- name: {name}\n  value: {value}\n- name: HOME",
    "an input": '<input name="{name}" type="text" value="{value}" class="wide">',
    "a part of a form": 'form-data; name="{name}"\r\n\r\n{value} {value}\r\n--boundary--',
    "a part of a form, as bytes": 'form-data; name="{name}"\\r\\n\\r\\n{value}\\r\\n--boundary--',
}
NAMES = [
    *("password", "user_password", "apiKey", "API_KEY", "access_token", "client-secret"),
    *("session_id", "csrf_token", "card_number", "private_key", "X-Auth-Token", "pass%77ord"),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_value_with_a_sensitive_name_goes(form: str) -> None:
    shown = [REDACTOR.text(form.format(name=name, value=SECRET)) for name in NAMES]
    assert [text for text in shown if SECRET in text] == []
    assert [text for text in shown if REDACTED not in text] == []
    assert [REDACTOR.text(text) for text in shown] == shown


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_value_with_a_harmless_name_stays(form: str) -> None:
    text = form.format(name="order_note", value=SECRET)
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": 1, "password": "x", "b": 2}', '{"a": 1, "password": "[REDACTED]", "b": 2}'),
        ('{"password": 12, "b": 2}', '{"password": "[REDACTED]", "b": 2}'),
        ('{"password": null, "b": [2]}', '{"password": null, "b": [2]}'),
        ('{"tokens": {"a": ["x1"]}, "b": 2}', '{"tokens": "[REDACTED]", "b": 2}'),
        ('{"a": "{\\"otp\\": 1}"}', '{"a": "{\\"otp\\": \\"[REDACTED]\\"}"}'),
    ],
)
def test_json_stays_json(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown
    json.loads(shown)


KEY = "-----BEGIN {0}PRIVATE KEY-----\nMIIEow{1}\n{1}==\n-----END {0}PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent Bearer {}.x to it", "sent Bearer [REDACTED] to it"),
        ("bearer {}", "bearer [REDACTED]"),
        ("Authorization: Bearer {}", "Authorization: [REDACTED]"),
        ("-H 'Authorization: Token {}' -v", "-H 'Authorization: [REDACTED]' -v"),
        ("authorization=Bearer {} ok", "authorization=[REDACTED] ok"),
        ("Cookie: a=b; c={}; d=e\r\nHost: x", "Cookie: [REDACTED]\r\nHost: x"),
        ("Set-Cookie: id={}; Path=/", "Set-Cookie: [REDACTED]"),
        ("Basic amFuZTpodW50ZXIyaHVudGVyMg==", "Basic [REDACTED]"),
        ("it was eyJhbGciOiJIUzI1NiJ9.{}.c2ln.", "it was [REDACTED]"),
        ("/verify/eyJhbGciOiJIUzI1NiJ9.{}.c2ln/x", "/verify/[REDACTED]/x"),
        ("a%20eyJhbGciOiJIUzI1NiJ9.{}.c2ln", "a%20[REDACTED]"),
        (KEY.format("RSA ", "{0}"), "[REDACTED]"),
        (KEY.format("", "{0}") + "\nnext", "[REDACTED]\nnext"),
        ("x -----BEGIN EC PRIVATE KEY-----\n{} cut", "x [REDACTED]"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n{}", "[REDACTED]"),
        ("postgresql://shop:{}@db:5432/shop", "postgresql://shop:[REDACTED]@db:5432/shop"),
        ("redis://:{}@cache/0", "redis://:[REDACTED]@cache/0"),
        ("amqp://u:a@{}@mq/", "amqp://u:[REDACTED]@mq/"),
        ("mysql://u:#?{}@db", "mysql://u:[REDACTED]@db"),
        ("https://x1{}00@git.internal/a", "https://[REDACTED]@git.internal/a"),
        ("https://a/back?code={}&page=2", "https://a/back?code=[REDACTED]&page=2"),
        ("api key: {}", "api key: [REDACTED]"),
        ("the private key = {}", "the private key = [REDACTED]"),
        ("passphrase: {0} {0} {0}\nnext", "passphrase: [REDACTED]\nnext"),
        ('password="""{0} {0}""" next', 'password="[REDACTED]" next'),
        ("password:\n  {}\nnext: 1", "password:\n  [REDACTED]\nnext: 1"),
        ("token  :                {}", "token  :                [REDACTED]"),
        ("password\xa0=\xa0{}", "password\xa0=\xa0[REDACTED]"),
        ("pg://u:a/{}@db:5432/shop", "pg://u:[REDACTED]@db:5432/shop"),
        ("https://u:{}@h/p?x=a@b", "https://u:[REDACTED]@h/p?x=a@b"),
        ("GET /x?token%3D{}%26page%3D2", "GET /x?token%3D[REDACTED]%26page%3D2"),
        ("mot de passe : {}", "mot de passe : [REDACTED]"),
        ("the token is: {}", "the token is: [REDACTED]"),
        ("password -> {}", "password -> [REDACTED]"),
        ("password: |\n  {}\nnext: 1", "password: |\n  [REDACTED]\nnext: 1"),
        ("password%3D{}%26page%3D2", "password%3D[REDACTED]%26page%3D2"),
        ("card number: 4111 1111 1111 1111 {}"[:-3], "card number: [REDACTED]"),
        ("password={0}'{0}\"{0},{0};{0}&{0}){0} next", "password=[REDACTED] next"),
        (
            "[SQL: INSERT]\n[parameters: ('it''s ]', {{'a': \"{}\"}})]\n(Background",
            "[SQL: INSERT]\n[parameters: [REDACTED]]\n(Background",
        ),
        ("[generated in 0.0002s] ('{}', 7)", "[generated in 0.0002s] [REDACTED]"),
        ("[parameters: [('{0}',), ('{0}',) ... ", "[parameters: [REDACTED]]"),
        ("DETAIL:  Failing row contains (1, {}).", "DETAIL:  Failing row contains [REDACTED]."),
        ("<password>{}</password><a>b</a>", "<password>[REDACTED]</password><a>b</a>"),
        ('<ns:Token kind="x">{0} {0}</ns:Token>', '<ns:Token kind="x">[REDACTED]</ns:Token>'),
        ("ALTER ROLE jane PASSWORD '{}' LOGIN", "ALTER ROLE jane PASSWORD '[REDACTED]' LOGIN"),
        ("CREATE USER a IDENTIFIED BY '{}';", "CREATE USER a IDENTIFIED BY '[REDACTED]';"),
    ],
)
def test_a_recognisable_form_goes(text: str, shown: str) -> None:
    text = text.format(SECRET)
    assert REDACTOR.text(text) == shown
    assert REDACTOR.text(shown) == shown


HARMLESS = [
    *(f"{name}=12, {name}: 12" for name in HARMLESS_NAMES[::4] if name.strip("-")),
    "Order 4711 of customer 8812 was placed in 12 ms: 3 items, total=99.50",
    "the password was changed",
    "invalid token",
    "Invalid password: must have eight characters",
    "token=None, session=null",
    "the session has expired",
    "basic authentication is required",
    "Bearer authentication is required",
    'WWW-Authenticate: Bearer realm="api", error="invalid_request"',
    "the bearer of this letter",
    "the keyboard: a Model M",
    "GET /orders?page=2&sort=price HTTP/1.1",
    "https://example.com:8443/a/b?page=2#top",
    "http://localhost:8000/@jane",
    "https://jane@example.com/",
    "mailto:jane@example.com",
    "12:30:45 started, took 00:01:02",
    "2026-11-22T18:30:00.000Z INFO shop: ready",
    '{"id": 7, "name": "jane", "tags": ["a", "b"], "ok": true}',
    "{'id': 7, 'key': 'value'}",
    "User(id=7, name='jane')",
    "SELECT token_count FROM usage WHERE id = 7",
    "Key (order_id)=(7) already exists.",
    "[worker 1] started",
    "[GET] /orders 200",
    "100% of it, 3 at 50%",
    "C:\\Users\\jane\\orders.csv",
    "a -- b --page 2 --verbose",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE jane@laptop",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "request_id=01a20426de6971639deac60204342e73 trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "sent to jane@example.com and +49 40 1234567",
    "card number 4111 1111 1111 1112 of jane",
    "KeyError: 'order'",
    'File "/srv/shop/auth.py", line 12, in check_password',
    "sqlalchemy.exc.IntegrityError: UNIQUE constraint failed: order.id",
    "jwt.exceptions.DecodeError: Not enough segments",
    "passed: 12, failed: 0",
    "usage: login <user> <password> [--verbose]",
    '{"name": "color", "value": "red"}',
    "<name>jane</name><note>the token was sent</note>",
    "eyJ is how many of them begin",
    "the author: jane, the editor: joe",
    "['password', 'email'] are missing",
    "",
    "=",
    "::",
    "a = b",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_model_that_refuses_a_value_does_not_show_it() -> None:
    class User(pydantic.BaseModel):
        name: str
        password: Annotated[str, pydantic.Field(max_length=3)]

    class Order(pydantic.BaseModel):
        user: User
        count: int

    for one in ({"user": {"name": "jane", "password": SECRET}}, {"user": {"password": SECRET}}):
        with pytest.raises(pydantic.ValidationError) as raised:
            Order(**one, count="many")
        shown = REDACTOR.text(str(raised.value))
        assert SECRET not in shown
        assert "input_value='many'" in shown
        assert SECRET not in str(REDACTOR.value(raised.value.errors()))


class TestPersonal:
    redactor = Redactor(personal=True)

    @pytest.mark.parametrize(
        "address",
        [
            "jane@example.com",
            "jane.doe+shop@mail.example.co.uk",
            "jane%40example.com",
            "jané@exämple.de",
            "+49 40 1234567",
            "+1 (415) 555-0132",
            "+442079460958",
        ],
    )
    def test_an_address_goes(self, address: str) -> None:
        assert self.redactor.text(f"sent to <{address}>.") == "sent to <[REDACTED]>."
        assert REDACTOR.text(f"sent to <{address}>.") == f"sent to <{address}>."

    @pytest.mark.parametrize(
        "text", ["@jane", "jane@localhost", "a @ b.c", "user@", "x=@y", "1 + 2", "+12 of 3", "a+1"]
    )
    def test_what_is_no_address_stays(self, text: str) -> None:
        assert self.redactor.text(text) == text


LETTERS = "Ab3dE6gH1jK9mN0pQ2rS5tU8vW4xY7zA"
TOKENS = {
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS with its secret": "ASIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYaa",
    "GitHub": f"ghp_{LETTERS}aaaa",
    "GitHub, fine-grained": f"github_pat_{LETTERS}_{LETTERS}",
    "GitLab": "glpat-Ab3dE6gH1jK9mN0pQ2rS",
    "Slack": f"xoxb-123456789012-{LETTERS}",
    "Stripe": f"sk_live_{LETTERS}",
    "OpenAI": f"sk-proj-{LETTERS}",
    "Anthropic": f"sk-ant-api03-{LETTERS}",
    "Google": f"AIza{LETTERS}abc",
    "npm": f"npm_{LETTERS}aaaa",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{LETTERS}{LETTERS}",
    "SendGrid": f"SG.{LETTERS[:22]}.{LETTERS}{LETTERS[:11]}",
    "Vault": f"hvs.{LETTERS}",
    "Telegram": f"123456789:AA{LETTERS}a",
    "DigitalOcean": "dop_v1_" + "0123456789abcdef" * 4,
    "Hugging Face": f"hf_{LETTERS}ab",
    "Twilio": "SK" + "0123456789abcdef" * 2,
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_of_a_known_vendor_goes(token: str) -> None:
    for form in ("it was {} then", "'{}'", "/a/{}/b", "{}"):
        shown = REDACTOR.text(form.format(token))
        assert shown == form.format(REDACTED)
    assert REDACTOR.field("note", token) == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "disk-usage-of-all-mounted-volumes is 81%",
        "task-scheduler-for-background-jobs started",
        "AKIA is how they begin",
        "ghp_short and sk-short",
        "SKU 1234567890 is sold out",
        "monkey-patching-of-the-standard-library done",
        "see https://hooks.slack.com/services/ for more",
    ],
)
def test_what_only_begins_like_a_token_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_texts_that_are_known_go_wherever_they_are() -> None:
    redactor = REDACTOR.with_secrets(["tök/42x", "7"])
    assert redactor.text("a tök/42x b") == "a [REDACTED] b"
    assert redactor.value({"a": [quote("tök/42x", safe="") + "!"]}) == {"a": ["[REDACTED]!"]}
    assert redactor.text("7 of 17") == "7 of 17"
    assert (
        redactor.text("/17/7 /7/1, /7? x/7")
        == "/17/[REDACTED] /[REDACTED]/1, /[REDACTED]? x/[REDACTED]"
    )
    assert redactor.text("/70 /7-0 /7.0") == "/70 /7-0 /7.0"
    assert REDACTOR.text("a tök/42x b") == "a tök/42x b"


WORDS = st.sampled_from(
    [
        *("password", "token", "Bearer ", "Basic ", "eyJhbGciOiJI.a.b", "card number", "a", "key"),
        *("BeArEr ", "`", "`, `"),
        *(
            "=",
            ":",
            ": ",
            " ",
            ",",
            ";",
            "&",
            "?",
            "@",
            "://",
            "/",
            "\\",
            '"',
            "'",
            '\\"',
            "(",
            ")",
        ),
        *("[", "]", "{", "}", "<", ">", "\n", "%20", "%3F", "%3D", "--", "x1y2z3", "None", "é"),
        *("[REDACTED]", "[parameters: ", "-----BEGIN PRIVATE KEY-----", '  File "a", line 1\n    '),
        *("Cookie", "b'", ", ", "4111111111111111", "a@b.de", "==", '","', "name", "value"),
        *("<token>", "</token>", "form-data; name=", "\r\n\r\n", "\r\n--", "IDENTIFIED BY '"),
    ]
)


@given(st.lists(WORDS, max_size=14).map("".join), st.booleans())
def test_what_has_been_redacted_stays_as_it_is(text: str, personal: bool) -> None:
    redactor = Redactor(personal=personal)
    shown = redactor.text(text)
    assert redactor.text(shown) == shown


@given(st.lists(WORDS, max_size=14).map("".join))
def test_the_quick_look_never_overlooks_what_the_long_one_finds(text: str) -> None:
    redactor = Redactor()
    if redactor.is_clean(text):
        redactor._prescan = redactor.is_clean = lambda *_: False
        assert redactor.text(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_has_an_answer(text: str) -> None:
    assert isinstance(Redactor(personal=True).text(text), str)


class Odd(str):
    def __contains__(self, other: object) -> bool:
        raise ValueError("no")


def test_a_text_that_cannot_be_read_is_not_shown() -> None:
    assert REDACTOR.text(Odd("password=x")) == REDACTED
