"""What a value of a sensitive name says of itself: a secret, or nothing that anybody hides."""

import pytest

from wsgi_observe.redaction import REDACTED, Redactor

REDACTOR = Redactor()

NO_SECRETS = {
    "null": '{"token": null, "user": 7}',
    "an empty text": '{"password": "", "user": 7}',
    "a mask in quotes": "{'password': '********'}",
    "a remark": "password = (sensitive value)",
    "a mask in a URL": "amqp://shop:**@rabbit:5672//",
    "a place in a URL's template": "postgresql://{user}:{password}@{host}/shop",
    "a shell variable": '{"env": {"API_KEY": "${API_KEY}"}}',
    "a bound parameter": "UPDATE s SET a = 1 WHERE token_id = %(token_id_1)s",
    "a scheme with a placeholder": 'headers = {"Authorization": f"Bearer {token}"}',
    "a scheme alone": 'headers = {"Authorization": "Bearer " + token}',
    "a type": "interface Login { user: string; password: string }",
    "an annotation": "def link(session: WebSession | None, tokens: dict[str, str]) -> Token:",
    "a schema": '{"properties": {"password": {"type": "string", "minLength": 8}}}',
    "a call": "const token = useToken();",
    "a call with arguments": 'password = getpass.getpass("Password (again): ")',
    "an item": "token = self.tokens[key]",
    "an attribute": "token = request.session.token",
    "the same name": "connect(host, password=password, api_key=settings.API_KEY)",
    "a comparison": "if token == 0x80: return",
    "code in an f-string": 'f"{get(token=tokens[0])}"',
    "messages": "{'password': ['This field is required.'], 'email': ['Not valid.']}",
    "messages of Rails": '{"errors": {"password": ["can\'t be blank"]}}',
    "kinds": '{"auth": {"type": "basic", "enabled": true}, "timeout": 5}',
    "a mode": "fetch('/api', { credentials: 'same-origin' })",
    "a method": "level=info msg=login auth=ldap user=jane",
    "another pair": "auth: backend=ldap timeout=5s",
    "an exception's name": "changepassword: CommandError: user 'ghost' does not exist",
    "a file's path": "--from-file=password=/run/secrets/db",
    "what a function returns": "def f(tok: _Token) -> Coord:",
    "a prompt in quotes": 'msgid "Enter your token: "\nmsgstr "Passwort:"',
    "a metavariable": "usage: deploy [-h] [--token TOKEN] target",
    "a help text": "--password  Password of the database user",
    "prose in Chinese": "密码\uff1a不能为空",
    "an SQL statement's numbers": "[cached since 12.4s ago] {'pk_1': 42}",
    "a model whose field is missing": (
        "1 validation error for A\npassword\n  Field required "
        "[type=missing, input_value={'user': 'jane'}, input_type=dict]"
    ),
    "a field that is None": "[{'loc': ('body', 'password'), 'msg': 'a', 'input': None}]",
    "a field that is missing in data": (
        "[{'loc': ('token',), 'msg': 'a', 'type': 'missing', 'input': {'user': 'jane'}}]"
    ),
    "an empty variable": '{"name": "DB_PASSWORD", "value": ""}',
    "a quoted word of prose": 'Cookie "session" has been rejected',
    "prose behind is": "the token is expired, the password was changed",
}


@pytest.mark.parametrize("text", NO_SECRETS.values(), ids=NO_SECRETS)
def test_what_is_no_secret_stays_beside_a_sensitive_name(text: str) -> None:
    assert REDACTOR.text(text) == text


S = "hunter22"
SECRETS = {
    "an object as it is shown": f"Config(password=Password(value='{S}'))",
    "a call with a literal that may be one": f'token = Secret.of("{S}")',
    "among messages": f"{{'password': ['\"{S}\" is too short.']}}",
    "in a list": f'{{"tokens": {{"a": ["{S}"]}}}}',
    "a name of two words in JSON": f'{{"a": "{{\\"card number\\": \\"{S}\\"}}"}}',
    "percent-encoded JSON": f"%7B%22password%22%3A%22{S}%22%7D",
    "encoded twice": f"next=%252Fa%253Ftoken%253D{S}%2526page%253D2",
    "behind is": f"the password is {S}",
    "beside its name in quotes": f"Invalid api key '{S}'",
    "behind a wide colon": f"密码\uff1a{S}",
    "LDIF": f"userPassword:: {S}",
    "PHP's var_dump": f'["password"]=>\n  string(8) "{S}"',
    "PHP's serialize": f's:8:"password";s:8:"{S}";',
    "a token as a user": f"https://x81{S}{S}:x-oauth-basic@git.example/a.git",
    "Oracle's URL": f"jdbc:oracle:thin:shop/{S}@db:1521/XE",
    "a function of SQL": f"SET PASSWORD FOR 'root'@'%' = PASSWORD('{S}')",
    "a plugin of MySQL": f"ALTER USER kim IDENTIFIED WITH native BY '{S}'",
    "a column": f"INSERT INTO u (name, password) VALUES ('a''b', '{S}'), ('c', '{S}')",
    "a list in SQL": f"WHERE token IN ('{S}')",
    "MySQL's duplicate": f"Duplicate entry '{S}' for key 'users.api_token'",
    "a property list": f"<key>password</key>\n<string>{S}</string>",
    "a property list that is cut": f"<key>password</key>\n<string>{S}",
    "a property list with CDATA": f"<key>password</key><string><![CDATA[{S}]]></string>",
    "JSON in a part of a form": f'form-data; name="credentials"\n\n{{"a": "{S}"}}\n--',
    "parts of a form without a boundary": (
        f'form-data; name="user"\n\njane\nform-data; name="pin"\n\n{S}\n--'
    ),
    "a key in angle brackets": f"Duplicate entry '<{S}>' for key 'users.api_token'",
    "an element with a name": f'<setting name="ApiSecret"><value>{S}</value></setting>',
    "escaped XML": f"&lt;password&gt;{S}&lt;/password&gt;",
    "attributes in any order": f'<input value="{S}" type="hidden" name="csrf_token">',
    "a text area": f'<textarea name="private_key">{S}</textarea>',
    "pydantic's errors": f"[{{'loc': ('body', 'password'), 'msg': 'a', 'input': '{S}'}}]",
    "a part of a secret": f"[{{'loc': ('password', 'count'), 'msg': 'a', 'input': '{S}'}}]",
    "a part of a secret, as text": (
        f"1 error for Login\ntoken.name\n  Bad [type=a, input_value='{S}', input_type=str]"
    ),
    "attrs": f"('password' must match regex 'a+' ('{S}' doesn't))",
    "a tag of YAML": f"api_key: !vault {S}",
    "a list of YAML": f"secrets:\n  - {S}\n  - {S}\nnext: 1",
    "folded in YAML": f"token: >\n    {S}\nnext: 1",
    "a parameter of a template": f'{{"ParameterKey":"DBPassword","ParameterValue":"{S}"}}',
    "another language's is": f"Ihr Passwort lautet: {S}",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_goes_wherever_its_name_stands(text: str) -> None:
    shown = REDACTOR.text(text)
    assert S not in shown
    assert REDACTED in shown
    assert REDACTOR.text(shown) == shown
