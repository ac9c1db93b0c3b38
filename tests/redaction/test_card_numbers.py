"""Card numbers and IBANs: recognised by issuer, length and check digits."""

import pytest

from wsgi_observe.redaction import REDACTED, Redactor

REDACTOR = Redactor()
NUMBERS = ["4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005"]


@pytest.mark.parametrize("number", [*NUMBERS, "4111%201111%201111%201111", "2223003122003222"])
def test_a_card_number_goes(number: str) -> None:
    assert REDACTOR.text(f"paid with {number}, thanks") == "paid with [REDACTED], thanks"


@pytest.mark.parametrize("number", [*NUMBERS, "3782 822463 10005", "3782-822463-10005"])
@pytest.mark.parametrize("text", ["card {} 12/27", "order 5 {}", "{} 12 ok", "1 22 333 {} 44 5"])
def test_a_card_number_goes_beside_another_number(number: str, text: str) -> None:
    assert REDACTOR.text(text.format(number)) == text.format(REDACTED)


@pytest.mark.parametrize(
    "account",
    [
        *("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32"),
        *("NL91 ABNA 0417 1643 00", "FR14 2004 1010 0505 0001 3M02 606", "NO93 8601 1117 947"),
        *("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "CH93-0076-2011-6238-5295-7"),
    ],
)
def test_a_bank_account_number_goes(account: str) -> None:
    assert REDACTOR.text(f"paid to {account} THANKS") == "paid to [REDACTED] THANKS"
    assert REDACTOR.text(f"paid to {account}, thanks") == "paid to [REDACTED], thanks"
    assert REDACTOR.text(f"order AB12 {account}, thanks") == "order AB12 [REDACTED], thanks"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("4111111111111112", id="check digit"),
        pytest.param("1763836200000", id="a timestamp in milliseconds"),
        pytest.param("2026-11-22 18:30:00", id="a date"),
        pytest.param("411111111111", id="too short"),
        pytest.param("41111111111111111111111", id="too long"),
        pytest.param("9111111111111111", id="no issuer's"),
        pytest.param("12 4111 1111 1111 1112 12", id="check digit, beside others"),
        pytest.param("12 411111111111111 1", id="too short, beside others"),
        pytest.param("request_id=4111111111111111", id="an ID of ours"),
        pytest.param('"trace_id": "4111111111111111"', id="another in JSON"),
        pytest.param("DE88370400440532013000", id="check digits of an account"),
        pytest.param("DE8937040044053201300", id="an account too short"),
        pytest.param("XX89370400440532013000", id="no country's"),
        pytest.param("ORDER AB12 3456 7890 1234 5678", id="capitals"),
    ],
)
def test_another_number_stays(number: str) -> None:
    assert REDACTOR.text(f"order {number} it is") == f"order {number} it is"


def test_a_number_goes_that_is_no_text() -> None:
    assert REDACTOR.value({"paid": [4111111111111111, 7]}) == {"paid": [REDACTED, 7]}
    assert REDACTOR.field("paid", 4111111111111111) == REDACTED
    assert REDACTOR.field("paid", "4111111111111111") == REDACTED
