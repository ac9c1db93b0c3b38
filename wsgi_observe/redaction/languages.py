"""Names of secrets in the languages, beside English, that most software is written in."""

from __future__ import annotations

from unicodedata import category, normalize

# Passwords, secrets and tokens, cards and accounts; what is two words may be written as one.
_TERMS = """
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
# Written without blanks: they come at the end of what they are joined to.
_UNSPACED_TERMS = """
パスワード, 暗証番号, 秘密鍵, トークン, カード番号, 口座番号
密码, 密碼, 口令, 密钥, 密鑰, 私钥, 私鑰, 令牌, 卡号, 卡號, 信用卡, 银行账号
비밀번호, 암호, 비밀키, 토큰, 카드번호, 계좌번호
"""
_NUMERIC_TERMS = """
passwort, kennwort, mdp, contraseña, senha, wachtwoord, hasło, пароль, şifre, parola, heslo, cpf
kartennummer, kontonummer, numéro carte, пароль, kortnummer, pesel, personnummer
"""
# No marks on a letter, so that nothing decomposes them.
_BASE_LETTERS = {ord("ł"): "l", ord("ø"): "o", ord("đ"): "d", 0x131: "i"}


def fold(text: str) -> str:
    """Return `text` without case and accents, so that each spelling of a name is one.

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
"""What a word of a language without blanks between words ends with."""

TERMS = (*_parse_terms(_TERMS), *UNSPACED_TERMS)
"""All of them, several words with blanks between them."""

NUMERIC_WORDS = frozenset(
    term.rpartition(" ")[2] for term in (*_parse_terms(_NUMERIC_TERMS), *UNSPACED_TERMS)
)
"""Last words of the names under which a number alone is a secret."""
