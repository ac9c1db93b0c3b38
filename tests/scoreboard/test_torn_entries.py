"""A running request's entry in shared memory: read whole, or recognized as corrupt."""

from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_observe.scoreboard.scoreboard import (
    FREE,
    MAX_TEXT_BYTES,
    REQUEST_ENTRY,
    CorruptEntryError,
    encode_request,
    pack_entry,
    unpack_entry,
)

NOW = 1_800_000_000.0
IDS = st.text(st.sampled_from("abcXYZ019._:/+=@~-"), max_size=128)
METHODS = st.text(st.sampled_from("GETPOSDLAH-"), max_size=20)
PATHS = st.text(st.characters(max_codepoint=0xFF), max_size=80)
ENTRIES = st.builds(
    lambda *facts: pack_entry(encode_request(*facts[:3]), facts[3]),
    IDS,
    METHODS,
    PATHS,
    st.floats(0, NOW),
)


@given(IDS, METHODS, PATHS, st.floats(0, NOW))
def test_what_is_written_is_read_back(
    request_id: str, method: str, path: str, began: float
) -> None:
    found = unpack_entry(pack_entry(encode_request(request_id, method, path), began))
    assert found == (request_id or None, method, path, began, False)


@given(st.text(), st.text(), st.text(max_size=2000))
@example("i" * 128, "GET", "/" + "ü" * MAX_TEXT_BYTES)
def test_any_text_fits_and_can_be_read(request_id: str, method: str, path: str) -> None:
    data = pack_entry(encode_request(request_id, method, path), NOW)
    assert len(data) == REQUEST_ENTRY.size
    assert unpack_entry(data) is not None


@given(ENTRIES, ENTRIES, st.integers(0, REQUEST_ENTRY.size))
def test_a_torn_entry_is_never_taken_for_a_whole_one(old: bytes, new: bytes, cut: int) -> None:
    # `Struct.pack_into` fills the place with zeros, then writes one field after the other; another
    # path is copied over the old one, from either end.
    for corrupt in (
        bytes(cut) + old[cut:],
        new[:cut] + bytes(REQUEST_ENTRY.size - cut),
        new[:cut] + old[cut:],
        old[:cut] + new[cut:],
        bytes([FREE]) + old[1:],
    ):
        if corrupt not in (old, new):
            assert read(corrupt) in (None, read(old), read(new))


@given(ENTRIES, st.integers(0, 40) | st.integers(0, REQUEST_ENTRY.size - 1), st.binary(max_size=40))
def test_a_scribbled_entry_is_never_taken_for_another(data: bytes, at: int, noise: bytes) -> None:
    scribbled = (data[:at] + noise + data[at + len(noise) :])[: REQUEST_ENTRY.size]
    found = read(scribbled)
    # Whether the log has it already is one bit, for which nobody is named wrongly.
    assert found is None or found[:4] == unpack_entry(data)[:4]  # type: ignore[index]


@given(st.binary(min_size=REQUEST_ENTRY.size, max_size=REQUEST_ENTRY.size))
def test_noise_is_no_entry(noise: bytes) -> None:
    assert read(noise) is None


def test_an_age_is_never_negative() -> None:
    found = unpack_entry(pack_entry(encode_request("a", "GET", "/"), NOW))
    assert found is not None
    assert (found.age(NOW + 1.234567), found.age(NOW - 5)) == (1.234, 0.0)


def read(data: bytes) -> object:
    try:
        return unpack_entry(data)
    except CorruptEntryError:
        return None
