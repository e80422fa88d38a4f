"""The wire format against bytes that nobody of ours would send."""

import struct
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication import limits
from backbone.replication.merge import NEVER, Stamp
from backbone.replication.message import (
    MAGIC,
    ChangeSet,
    Chunk,
    Kind,
    Message,
    Operation,
    chain,
    compress,
    decode,
    decode_asked,
    decode_change_sets,
    decode_record,
    digest,
    digest_of,
    encode,
    encode_change_set,
    encode_change_sets,
    encode_record,
    inflate,
)
from backbone.replication.origin import Origin
from tests.unit.replication.samples import message, samples

STAMPS = st.builds(Stamp, *[st.integers(0, 2**53 - 1)] * 4)
NAMED = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)
VALUES = st.one_of(
    st.none(), st.booleans(), st.text(max_size=50),
    st.dictionaries(NAMED, st.text(max_size=10) | st.integers(0, 2**53 - 1), max_size=8),
)  # fmt: skip
OPERATIONS = st.builds(Operation, st.builds(Cell, NAMED, NAMED), VALUES, STAMPS, STAMPS)
MOMENTS = st.just("") | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
SAID = (NAMED, NAMED, MOMENTS, st.lists(OPERATIONS, max_size=4).map(tuple))
PLACES = st.text("0123456789abcdef", min_size=8, max_size=8)
ORIGINS = st.builds(Origin, st.integers(0, 2**53 - 1), PLACES, st.integers(0, 2**53 - 1))
PATHS = st.lists(PLACES, min_size=1, max_size=limits.hops_max).map(tuple)
CHANGE_SETS = st.builds(ChangeSet, *SAID, st.none(), st.just(())) | st.builds(ChangeSet, *SAID, ORIGINS, PATHS)


def framed(packed: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return MAGIC + struct.pack(">I", len(packed) if length is None else length) + packed + body


def fields(**said: Any) -> dict[str, Any]:
    """The header's map as bob's node would pack it, with a digest that fits."""
    return message(Kind.CTRL, b"body").header.model_dump(exclude_none=True) | said


def repacked(**said: Any) -> bytes:
    return framed(msgpack.packb(fields(**said)), b"body")


NONE = (0, 0, 0, 0)


class Frame:
    """What ``inflate`` looks at."""

    def __init__(self, raw_len: int, body_enc: str = "zstd") -> None:
        self.raw_len = raw_len
        self.body_enc = body_enc


class TestFrames:
    @pytest.mark.parametrize("name", ["DATA", "BLOB", "ACK", "NACK", "CTRL"])
    def test_what_is_encoded_decodes_to_the_same(self, name: str) -> None:
        sample = samples()[name]
        assert decode(encode(sample)) == sample

    @given(st.binary(max_size=300))
    def test_arbitrary_bytes_are_the_peers_fault(self, data: bytes) -> None:
        for given_ in (data, MAGIC + data, framed(data), framed(data[:100], data[100:])):
            with pytest.raises(PeerError):
                decode(given_)

    @given(st.sampled_from(["DATA", "BLOB", "ACK", "NACK", "CTRL"]), st.data())
    @settings(max_examples=300)
    def test_one_altered_byte_is_noticed_or_changes_only_what_may_change(self, name: str, data: st.DataObject) -> None:
        whole = bytearray(encode(samples()[name]))
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= data.draw(st.integers(1, 255))
        try:
            altered = decode(bytes(whole))
        except PeerError:
            return
        assert altered.header.dig == samples()[name].header.dig
        assert altered.body == samples()[name].body

    @given(st.sampled_from(["DATA", "BLOB", "ACK"]), st.data())
    def test_a_message_that_is_cut_off_is_refused(self, name: str, data: st.DataObject) -> None:
        whole = encode(samples()[name])
        with pytest.raises(PeerError):
            decode(whole[: data.draw(st.integers(0, len(whole) - 1))])

    def test_trailing_bytes_are_refused(self) -> None:
        with pytest.raises(PeerError, match="digest does not match"):
            decode(encode(samples()["CTRL"]) + b"\0")
        with pytest.raises(PeerError, match="not well-formed"):
            decode(framed(msgpack.packb(fields()) + b"\0", b"body"))

    def test_what_is_not_ours_is_said_to_be_so(self) -> None:
        with pytest.raises(PeerError, match="not a message of ours"):
            decode(b"BKB2" + encode(samples()["ACK"])[4:])

    def test_a_header_that_is_too_long_is_not_looked_at(self) -> None:
        packed = msgpack.packb(fields(high={f"lane {n}": n for n in range(9_000)}))
        assert len(packed) > limits.header_bytes_max
        with pytest.raises(PeerError, match="cut off or too long"):
            decode(framed(packed))
        with pytest.raises(PeerError, match="cut off or too long"):
            decode(framed(b"", length=2**32 - 1))

    def test_a_message_that_is_too_long_is_not_looked_at(self) -> None:
        with pytest.raises(PeerError, match="larger than the protocol allows"):
            decode(bytes(limits.message_raw_bytes_max + limits.header_bytes_max + 1))

    def test_a_kind_that_this_version_does_not_know_still_decodes(self) -> None:
        said = message(Kind.CTRL, b"x")
        draft = Message(said.header.model_copy(update={"kind": "FUTURE"}), said.body)
        known = Message(draft.header.model_copy(update={"dig": digest_of(draft)}), draft.body)
        assert decode(encode(known)).header.kind == "FUTURE"


class TestHeaders:
    @pytest.mark.parametrize(
        "said",
        [
            {"surplus": 1}, {"seq": -1}, {"seq": 2**53}, {"seq": "1"}, {"seq": 1.0}, {"seq": True}, {"lane": "cc"},
            {"link": "AB" * 16}, {"link": "ab" * 16 + "\n"}, {"sfp": "b" * 40}, {"caps": b"short"}, {"dig": b""},
            {"dig": "text"}, {"body_enc": "gzip"}, {"raw_len": limits.message_raw_bytes_max + 1}, {"kind": ""},
            {"inc": (1, b"short")}, {"inc": (1,)}, {"high": {"c": -1}}, {"ack": None}, {"chunk": {"sha256": "x"}},
            {"high": {b"c": 1}}, {"ts": float("nan")}, {"ts": msgpack.Timestamp(1)}, {"ts": msgpack.ExtType(5, b"x")},
        ],
    )  # fmt: skip
    def test_a_header_that_says_anything_else_is_refused(self, said: dict[str, Any]) -> None:
        with pytest.raises(PeerError):
            decode(repacked(**said))

    def test_the_error_names_the_field_and_not_what_stood_in_it(self) -> None:
        with pytest.raises(PeerError, match="header is malformed: link: ") as caught:
            decode(repacked(link="a secret" * 100))
        assert "a secret" not in str(caught.value)

    def test_more_ranges_than_the_protocol_allows_are_refused(self) -> None:
        said = fields()["ack"]
        said["lanes"]["c"]["held"] = tuple((n, n) for n in range(2, 200, 2))
        with pytest.raises(PeerError, match="held"):
            decode(repacked(ack=said))

    def test_other_bytes_for_the_same_header_are_refused(self) -> None:
        turned = dict(reversed(fields().items()))
        with pytest.raises(PeerError, match="canonical"):
            decode(framed(msgpack.packb(turned), b"body"))
        wide = msgpack.packb(fields()).replace(b"\xa3att\x01", b"\xa3att\xcc\x01")
        with pytest.raises(PeerError, match="canonical"):
            decode(framed(wide, b"body"))
        with pytest.raises(PeerError, match="canonical"):
            decode(repacked(chunk=None))

    def test_a_key_that_stands_twice_is_refused(self) -> None:
        packed = msgpack.packb(fields())
        size = struct.unpack(">H", packed[1:3])[0]
        twice = b"\xde" + struct.pack(">H", size + 1) + packed[3:] + msgpack.packb("ts") + b"\x00"
        with pytest.raises(PeerError, match="not well-formed"):
            decode(framed(twice, b"body"))

    def test_a_body_or_header_that_does_not_have_its_digest_is_refused(self) -> None:
        with pytest.raises(PeerError, match="digest does not match"):
            decode(framed(msgpack.packb(fields()), b"else"))
        with pytest.raises(PeerError, match="digest does not match"):
            decode(repacked(seq=4))

    def test_the_volatile_part_is_outside_the_digest(self) -> None:
        sample = samples()["DATA"]
        again = sample.header.model_copy(
            update={"att": 9, "ts": 5, "credit_messages": 0, "ack": samples()["ACK"].header.ack}
        )
        assert decode(encode(Message(again, sample.body))).header.att == 9

    def test_the_digest_covers_everything_that_makes_a_message_what_it_is(self) -> None:
        part = Chunk(sha256="0" * 64, total=9, offset=3)
        base: dict[str, Any] = {
            "link": "l", "sender": "s", "inc": (1, b"i"), "lane": "c", "seq": 1, "kind": "DATA", "chunk": None,
            "body": b"",
        }  # fmt: skip
        changes: list[dict[str, Any]] = [
            {}, {"link": "m"}, {"sender": "t"}, {"inc": (2, b"i")}, {"inc": (1, b"j")}, {"lane": "k"}, {"seq": 2},
            {"kind": "CTRL"}, {"chunk": part}, {"chunk": part.model_copy(update={"offset": 4})}, {"body": b"b"},
        ]  # fmt: skip
        assert len({digest(**base | change) for change in changes}) == len(changes)

    def test_a_chain_covers_every_digest_and_their_order(self) -> None:
        assert len({chain(chain(bytes(32), a), b) for a, b in ((b"a", b"b"), (b"b", b"a"), (b"a", b"a"))}) == 3


class TestBodies:
    @pytest.mark.parametrize("lists", [True, False], ids=["lists", "maps"])
    def test_what_holds_more_values_than_fit_into_memory_is_refused_while_it_is_read(
        self, lists: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each empty one costs as much as several values."""
        many: Any = tuple([()] * 200) if lists else tuple([{}] * 100)
        record = encode_record({"many": many})
        assert decode_record(record) == {"many": many}
        monkeypatch.setattr(limits, "message_values_max", 800)
        with pytest.raises(PeerError, match="well-formed"):
            decode_record(record)

    def test_a_record_has_so_many_keys_and_no_more(self) -> None:
        keys = {str(n): 1 for n in range(limits.record_keys_max)}
        assert decode_record(encode_record(keys)) == keys
        with pytest.raises(PeerError, match="more than 64 keys"):
            decode_record(encode_record({**keys, "more": 1}))

    @given(st.binary(max_size=2_000))
    def test_what_is_compressed_inflates_to_the_same(self, raw: bytes) -> None:
        encoding, body = compress(raw)
        assert inflate(Frame(len(raw), encoding), body) == raw
        assert len(body) <= len(raw)

    @pytest.mark.parametrize("raw_len", [0, 1, 999, 1_001, limits.message_raw_bytes_max])
    def test_a_length_that_is_not_so_is_refused(self, raw_len: int) -> None:
        packed = zstandard.ZstdCompressor().compress(bytes(1_000))
        unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1_000))
        for body in (packed, unsized):
            with pytest.raises(PeerError, match="length"):
                inflate(Frame(raw_len), body)
        with pytest.raises(PeerError, match="length"):
            inflate(Frame(raw_len, "none"), bytes(1_000))

    def test_a_frame_without_its_size_is_inflated_up_to_the_length_announced(self) -> None:
        unsized = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1_000))
        assert inflate(Frame(1_000), unsized) == bytes(1_000)

    def test_a_frame_that_announces_a_gigabyte_is_refused_before_anything_is_allocated(self) -> None:
        bomb = bytearray(zstandard.ZstdCompressor(level=3).compress(bytes(2**20)))
        assert zstandard.frame_content_size(bytes(bomb)) == 2**20
        place = bomb.index(struct.pack("<I", 2**20))
        bomb[place : place + 4] = struct.pack("<I", 2**30)
        assert zstandard.frame_content_size(bytes(bomb)) == 2**30
        with pytest.raises(PeerError, match="does not have the length"):
            inflate(Frame(1_000), bytes(bomb))

    def test_a_frame_that_wants_a_huge_window_is_refused(self) -> None:
        parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
        streamed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        wide = streamed.compress(bytes(1_000)) + streamed.flush()
        assert zstandard.get_frame_parameters(wide).window_size == 2**27
        with pytest.raises(PeerError, match="inflate"):
            inflate(Frame(1_000), wide)

    @pytest.mark.parametrize("body", [b"", b"no frame", b"\x28\xb5\x2f\xfd"])
    def test_what_is_no_frame_is_refused(self, body: bytes) -> None:
        with pytest.raises(PeerError):
            inflate(Frame(5), body)

    def test_a_frame_with_something_behind_it_is_refused(self) -> None:
        packed = zstandard.ZstdCompressor().compress(bytes(1_000))
        with pytest.raises(PeerError):
            inflate(Frame(1_000), packed + packed)


class TestChangeSets:
    @given(st.lists(CHANGE_SETS, max_size=3))
    def test_what_is_encoded_decodes_to_the_same(self, change_sets: list[ChangeSet]) -> None:
        assert decode_change_sets(encode_change_sets([encode_change_set(c) for c in change_sets])) == change_sets

    @pytest.mark.parametrize(
        ("origin", "path"),
        [
            (None, ()),
            (None, ["00000000"]),
            ([1, "00000000", 1], ()),
            ([1, "00000000", 1], ["0"]),
            ([1, "00000000", 1], ["00000000"] * (limits.hops_max + 1)),
            ([1, "0000000G", 1], ["00000000"]),
            ([1, "00000000\n", 1], ["00000000"]),
            ([1, "00000000", 1], ["00000000\n"]),
            ([1, "00000000"], ["00000000"]),
            ([-1, "00000000", 1], ["00000000"]),
        ],
    )
    def test_an_origin_is_whole_or_not_there(self, origin: object, path: object) -> None:
        raw = msgpack.packb([["g", "a", "", [], origin, path]])
        with pytest.raises(PeerError, match="malformed" if origin else "canonical"):
            decode_change_sets(raw)
        with pytest.raises(PeerError):
            decode_change_sets(msgpack.packb([["g", "a", "", [], origin]]))

    def test_a_change_set_that_is_none_is_refused(self) -> None:
        with pytest.raises(PeerError, match="malformed"):
            decode_change_sets(msgpack.packb(["g"]))

    @pytest.mark.parametrize(
        "change_set",
        [
            ChangeSet("g\0g", "a", "", ()),
            ChangeSet("g", "a\0a", "", ()),
            ChangeSet("g", "a", "", (Operation(Cell("f\0f"), "v", NEVER, NEVER),)),
            ChangeSet("g", "a", "", (Operation(Cell("f\0f", "e"), "v", NEVER, NEVER),)),
            ChangeSet("g", "a", "", (Operation(Cell("f", "e\0e"), "v", NEVER, NEVER),)),
            ChangeSet("g", "a", "", (Operation(Cell("f", "e"), {"c\0c": "v"}, NEVER, NEVER),)),
        ],
    )
    def test_a_name_that_a_database_would_cut_short_is_refused(self, change_set: ChangeSet) -> None:
        with pytest.raises(PeerError, match="malformed"):
            decode_change_sets(encode_change_sets([encode_change_set(change_set)]))

    @pytest.mark.parametrize("at", ["yesterday", "2026-11-21T04:19:00", "2026-02-30T00:00:00Z", "\0"])
    def test_a_time_that_is_none_is_refused_and_does_not_leave_here(self, at: str) -> None:
        with pytest.raises(PeerError, match=r"a change set is malformed: 0: .*no date and time in UTC"):
            decode_change_sets(msgpack.packb([("g", "a", at, ())]))
        (sent,) = decode_change_sets(encode_change_sets([encode_change_set(ChangeSet("g", "a", at, ()))]))
        assert sent.at == ""

    @given(st.binary(max_size=200))
    def test_arbitrary_bytes_are_the_peers_fault_or_canonical(self, raw: bytes) -> None:
        try:
            decoded = decode_change_sets(raw)
        except PeerError:
            return
        assert encode_change_sets([encode_change_set(c) for c in decoded]) == raw

    @pytest.mark.parametrize(
        "operation",
        [
            ("f", "e", 1.5, NONE, NONE), ("f", "e", 7, NONE, NONE), ("f", "e", b"x", NONE, NONE),
            ("f", "e", (1,), NONE, NONE), ("f", "e", {"a": {"b": "c"}}, NONE, NONE),
            ("f", "e", {"a": 1.5}, NONE, NONE), ("f", "e", {"a": -1}, NONE, NONE),
            ("f", "e", {str(n): "" for n in range(limits.columns_max + 1)}, NONE, NONE),
            ("f", "e", "v", (0,) * 3, NONE),
            ("f", "e", "v", (0, 0, 0, -1), NONE), ("f", "e", "v", (0, 0, 0, 2**53), NONE), ("f", "e", "v", NONE),
            ("f" * (limits.name_bytes_max + 1), "e", "v", NONE, NONE), ("f", 5, "v", NONE, NONE),
        ],
    )  # fmt: skip
    def test_an_operation_of_another_form_is_refused(self, operation: tuple[Any, ...]) -> None:
        with pytest.raises(PeerError, match="malformed"):
            decode_change_sets(msgpack.packb([("g", "a", "", (operation,))]))

    def test_more_than_the_protocol_allows_is_refused(self) -> None:
        many = [("g", "a", "", ())] * (4 * limits.change_sets_per_message + 1)
        with pytest.raises(PeerError, match="malformed"):
            decode_change_sets(msgpack.packb(many))
        operation = ("f", "e", "v", NONE, NONE)
        with pytest.raises(PeerError, match="malformed"):
            decode_change_sets(
                msgpack.packb([("g", "a", "", (operation,) * (limits.operations_per_change_set_max + 1))])
            )

    def test_more_operations_than_fit_into_memory_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = msgpack.packb([("g", "a", "", [("f", "e", "v", NONE, NONE)] * 3)] * 2)
        monkeypatch.setattr(limits, "message_operations_max", 6)
        assert len(decode_change_sets(raw)) == 2
        monkeypatch.setattr(limits, "message_operations_max", 5)
        with pytest.raises(PeerError, match="more than 5 operations"):
            decode_change_sets(raw)

    def test_a_string_of_a_trackers_library_travels_as_a_string(self) -> None:
        class Word(str):
            def __str__(self) -> str:
                return "something else"

        (sent,) = decode_change_sets(
            encode_change_sets(
                [encode_change_set(ChangeSet("g", "a", "", (Operation(Cell("f"), Word("v"), NEVER, NEVER),)))]
            )
        )
        assert sent.operations[0].value == "v"

    def test_a_value_that_is_none_of_ours_does_not_travel(self) -> None:
        value: Any = object()
        with pytest.raises(TypeError, match="cannot travel"):
            encode_change_set(ChangeSet("g", "a", "", (Operation(Cell("f"), value, NEVER, NEVER),)))

    def test_other_bytes_for_the_same_change_sets_are_refused(self) -> None:
        with pytest.raises(PeerError, match="canonical"):
            decode_change_sets(b"\xdc\x00\x00")

    @pytest.mark.parametrize(
        "raw", [b"", b"\x90\x90", b"\xdd\xff\xff\xff\xff", b"\x91" * 100_000, b"\xc1", b"\xa2\xff\xff"]
    )
    def test_broken_msgpack_is_refused(self, raw: bytes) -> None:
        with pytest.raises(PeerError):
            decode_change_sets(raw)


class TestRecords:
    @given(
        st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(0, 2**63) | st.booleans() | st.none())
    )
    def test_what_is_encoded_decodes_to_the_same(self, record: dict[str, Any]) -> None:
        assert decode_record(encode_record(record)) == record

    @given(st.binary(max_size=200))
    def test_arbitrary_bytes_are_the_peers_fault_or_canonical(self, raw: bytes) -> None:
        try:
            record = decode_record(raw)
        except PeerError:
            return
        assert encode_record(record) == raw

    @pytest.mark.parametrize("value", [1.5, float("nan"), msgpack.Timestamp(1, 2), msgpack.ExtType(5, b"x")])
    def test_floats_times_and_extensions_are_refused(self, value: object) -> None:
        with pytest.raises(PeerError):
            decode_record(msgpack.packb({"a": (1, {"b": value})}))

    @pytest.mark.parametrize("depth", [limits.record_depth_max, 600, 5_000])
    def test_a_record_that_nests_too_deep_is_refused(self, depth: int) -> None:
        with pytest.raises(PeerError):
            decode_record(b"\x81\xa1a" + b"\x91" * depth + b"\x01")

    def test_a_record_may_nest_a_little(self) -> None:
        record = {"a": ({"b": ((1, b"x"), None)},)}
        assert decode_record(encode_record(record)) == record

    @pytest.mark.parametrize("raw", [b"\x90", b"\x82\xa1a\x01\xa1a\x02", b"\x81\xa1a\xcc\x01", b"\x81\x01\x01"])
    def test_anything_else_is_refused(self, raw: bytes) -> None:
        with pytest.raises(PeerError):
            decode_record(raw)


@pytest.mark.parametrize("record", [{"x": ((1, 2),)}, {"c": "all"}])
def test_a_question_for_what_is_missing_that_is_none_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(PeerError, match="the partner asks for messages"):
        decode_asked(encode_record(record))
