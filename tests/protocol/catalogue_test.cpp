// Every message of the catalogue against its golden file golden/<Name>.hex (golden.hpp). A message without a file
// fails, so does a file without a message.

#include "protocol/catalogue.hpp"
#include "tests/protocol/golden.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>

using namespace golden;
using namespace protocol;

namespace {

FrameHeader header_of(MessageId id, std::size_t payload_size) {
    return {.extension_type = id.extension_type,
            .channel_msg = id.channel_msg,
            .msg_type = id.msg_type,
            .payload_size = static_cast<std::uint32_t>(payload_size)};
}

void for_each_message(auto&& check) {
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        INFO("message: ", std::string{M::name});
        check.template operator()<M>(concatenated(read_file(M::name)));
    });
}

} // namespace

TEST_CASE("every message decodes its golden bytes and encodes them again, field by field") {
    for_each_message([]<class M>(const Bytes& golden) {
        const auto message = decode<M>(golden);
        REQUIRE(message.has_value());
        check_same(fields_of(*message), read_file(M::name));
    });
}

TEST_CASE("every golden file belongs to a message") {
    std::set<std::string> names;
    Messages::for_each([&]<class M>(std::type_identity<M>) { names.insert(std::string{M::name} + ".hex"); });
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{golden::folder()})
        if (entry.is_regular_file()) files.insert(entry.path().filename().string());
    CHECK(files == names);
}

TEST_CASE("no message decodes from a strict prefix of its bytes") {
    for_each_message([]<class M>(const Bytes& golden) {
        for (std::size_t size = 0; size < golden.size(); ++size) {
            INFO("first ", size, " bytes");
            const auto message = decode<M>(ByteView{golden}.first(size));
            REQUIRE_FALSE(message.has_value());
            CHECK(message.error() == DecodeError::truncated);
        }
    });
}

TEST_CASE("bytes after the last field change nothing") {
    for_each_message([]<class M>(Bytes golden) {
        const auto message = decode<M>(golden);
        golden.insert(golden.end(), {0xde, 0xad});
        CHECK((decode<M>(golden) == message));
    });
}

TEST_CASE("a frame's header leads to its message and to its name, with or without the channel bit") {
    for_each_message([]<class M>(const Bytes& golden) {
        FrameHeader header = header_of(M::id, golden.size());
        for (const bool channel_msg : {false, true}) {
            header.channel_msg = channel_msg;
            CHECK(name_of(header) == M::name);
            const auto any = decode_any(header, golden);
            REQUIRE(any.has_value());
            CHECK((std::get<M>(*any) == *decode<M>(golden)));
        }
        CHECK(decode_any(header, {}).error() == DecodeError::truncated);
    });
}

TEST_CASE("a header that no message has is told apart from an extension that no message has") {
    CHECK(decode_any({.extension_type = core_extension, .msg_type = 0x05}, {}).error() == DecodeError::unknown_message);
    CHECK(decode_any({.extension_type = storage_extension, .msg_type = 0x01}, {}).error() ==
          DecodeError::unknown_message);
    CHECK(decode_any({.extension_type = 0x0002, .msg_type = 0x01}, {}).error() == DecodeError::unknown_extension);
    CHECK(decode_any({.extension_type = 0x4001, .msg_type = 0x01}, {}).error() == DecodeError::unknown_extension);
    CHECK_FALSE(name_of({.extension_type = 0x4001, .msg_type = 0x01}).has_value());
}

TEST_CASE("messages of our own extension stay clear of every core msg_type and belong to no channel") {
    Messages::for_each([]<class M>(std::type_identity<M>) {
        if (M::id.extension_type != storage_extension) return;
        CHECK(M::id.msg_type >= 0x80);
        CHECK_FALSE(M::id.channel_msg);
    });
}

TEST_CASE("SetupConnection with a protocol above 2 is a decode error of its own kind") {
    Bytes payload = concatenated(read_file("SetupConnection"));
    for (const int protocol : {0, 1, 2}) {
        payload[0] = static_cast<std::uint8_t>(protocol);
        CHECK(decode<SetupConnection>(payload)->protocol == static_cast<Protocol>(protocol));
    }
    for (const int protocol : {3, 9, 255}) {
        payload[0] = static_cast<std::uint8_t>(protocol);
        CHECK(decode<SetupConnection>(payload).error() == DecodeError::unknown_protocol);
    }
}

TEST_CASE("golden bytes mean what the specification says they mean") {
    CHECK(decode<SetupConnection>(concatenated(read_file("SetupConnection"))) ==
          SetupConnection{.protocol = Protocol::mining,
                          .min_version = 2,
                          .max_version = 2,
                          .flags = 0,
                          .endpoint_host = {"storage.example.org"},
                          .endpoint_port = 34274,
                          .vendor = {"acme"},
                          .hardware_version = {""},
                          .firmware = {"pool-1"},
                          .device_id = {"\u00e9"}});
    CHECK(decode<SetupConnectionSuccess>(concatenated(read_file("SetupConnection.Success"))) ==
          SetupConnectionSuccess{.used_version = 2, .flags = 0x01020304});
    CHECK(decode<SetupConnectionError>(concatenated(read_file("SetupConnection.Error"))) ==
          SetupConnectionError{.flags = 0, .error_code = {"unsupported-protocol"}});
    CHECK(decode<ChannelEndpointChanged>(concatenated(read_file("ChannelEndpointChanged"))) ==
          ChannelEndpointChanged{.channel_id = 0x01020304});
    CHECK(decode<Reconnect>(concatenated(read_file("Reconnect"))) ==
          Reconnect{.new_host = {"localhost"}, .new_port = 34274});
    CHECK(decode<RequestExtensions>(concatenated(read_file("RequestExtensions"))) ==
          RequestExtensions{.request_id = 7, .requested_extensions = {{2, storage_extension}}});
    CHECK(decode<RequestExtensionsSuccess>(concatenated(read_file("RequestExtensions.Success"))) ==
          RequestExtensionsSuccess{.request_id = 7, .supported_extensions = {{storage_extension}}});
    CHECK(decode<RequestExtensionsError>(concatenated(read_file("RequestExtensions.Error"))) ==
          RequestExtensionsError{
              .request_id = 7, .unsupported_extensions = {{2}}, .required_extensions = {{storage_extension}}});
    CHECK(decode<Error>(concatenated(read_file("Error"))) ==
          Error{.request_id = 0, .code = {"unexpected-message"}, .detail = {"SetupConnection"}});
}

namespace {

template <Message M> M from_golden() {
    return decode<M>(concatenated(read_file(M::name))).value();
}

constexpr std::uint64_t new_year = 1'767'225'600'000; // 2026-01-01 00:00 UTC
const std::string channel = "eu.1767225600.12.3";

template <class S> Bytes bytes_of(const S& value) {
    return encode(value).value();
}

Totals golden_totals() {
    return {.shares_accepted = 1000,
            .shares_rejected = 7,
            .shares_duplicate = 3,
            .shares_above_target = 1,
            .share_work_sum_low = 1'024'000,
            .expected_hashes_low = 4'295'032'833'000,
            .blocks_found = 1,
            .best_difficulty = 0x40a3'd100'0000'0000, // 2536.5
            .last_sequence_number = 41,
            .first_share_timestamp = new_year + 123 - 3'600'000,
            .last_share_timestamp = new_year + 123};
}

StoredRecord golden_report(const Bytes& bytes) {
    const auto stored = decode<StoredRecord>(bytes).value();
    const auto report = std::get<ShareAccounting>(read_record(stored.record.bytes).value().record);
    CHECK(report.shares_accepted == 1001);
    CHECK(report.rejects.items.size() == 2);
    return stored;
}

} // namespace

TEST_CASE("golden bytes of proving and storing mean what EXTENSION.md says they mean") {
    const auto authenticate = from_golden<Authenticate>();
    CHECK(authenticate.min_version == 1);
    CHECK(authenticate.max_version == 1);
    CHECK(authenticate.client_public_key.bytes.front() == 0x84);
    CHECK(authenticate.roles == (role_write | role_read));
    CHECK(authenticate.stream_id == 0x0bad'c0ff'ee0d'df00);
    CHECK(authenticate.dataset_id == 0x1122'3344'5566'7788);
    CHECK(authenticate.generation == 1);
    CHECK(authenticate.last_acknowledged == 40);
    CHECK(authenticate.signature.bytes.back() == 0x1b);
    CHECK(from_golden<AuthenticateSuccess>() ==
          AuthenticateSuccess{.version = 1,
                              .permissions =
                                  permit_share_write | permit_block_write | permit_job_write | permit_query_own,
                              .durability = static_cast<std::uint8_t>(Durability::local),
                              .dataset_id = 0x1122'3344'5566'7788,
                              .generation = 1,
                              .durable_sequence = 41,
                              .max_frame = 1'048'576,
                              .max_record = 524'288,
                              .max_in_flight = 4'194'304});
    const auto store = from_golden<StoreRecords>();
    CHECK(store.first_sequence == 42);
    REQUIRE(store.records.items.size() == 2);
    CHECK(std::get<Share>(read_record(store.records.items[0].bytes).value().record).sequence_number == 42);
    CHECK(std::get<BatchAcknowledgment>(read_record(store.records.items[1].bytes).value().record).label.text ==
          "batch-7");
    CHECK(from_golden<StoreSuccess>() ==
          StoreSuccess{.durable_sequence = 50,
                       .verdicts = {{{bytes_of(VerdictEntry{.sequence = 44, .code = {"duplicate-share"}})},
                                     {bytes_of(VerdictEntry{.sequence = 47, .code = {"above-target"}})}}}});
    CHECK(from_golden<StoreStatus>() ==
          StoreStatus{.is_available = false, .code = {"storage-unavailable"}, .detail = {"disk full"}});
    CHECK(from_golden<Ping>() == Ping{.nonce = 0x0123'4567'89ab'cdef});
    CHECK(from_golden<PingSuccess>() == PingSuccess{.nonce = 0x0123'4567'89ab'cdef});
}

TEST_CASE("golden bytes of requests mean what EXTENSION.md says they mean") {
    const Option<std::uint64_t> start = new_year + 123 - 3'600'000;
    CHECK(from_golden<GetRecords>() == GetRecords{.request_id = 7,
                                                  .pool = {},
                                                  .kind = static_cast<std::uint8_t>(RecordKind::share),
                                                  .channel_id = {channel},
                                                  .start = start,
                                                  .end = {},
                                                  .limit = 100,
                                                  .cursor = {}});
    const auto records = from_golden<GetRecordsSuccess>();
    CHECK(records.next_cursor == B0_255{{0xc0, 0xff, 0xee, 0x00}});
    REQUIRE(records.records.items.size() == 1);
    const auto stored = decode<StoredRecord>(records.records.items.front().bytes).value();
    CHECK(stored == StoredRecord{.position = 1041,
                                 .received_at = new_year + 127,
                                 .identity = {"pool-eu-1"},
                                 .stream_id = 0x0bad'c0ff'ee0d'df00,
                                 .sequence = 42,
                                 .verdict = {},
                                 .record = stored.record});
    CHECK(std::get<Share>(read_record(stored.record.bytes).value().record).accepted == 0);
    const auto seen = from_golden<IsShareSeen>();
    CHECK(seen.channel_id.text.empty());
    REQUIRE(seen.share_hashes.items.size() == 2);
    CHECK(seen.share_hashes.items[1].bytes.back() == 0x80);
    CHECK(from_golden<IsShareSeenSuccess>() == IsShareSeenSuccess{.request_id = 7, .seen = {{true, false}}});
    CHECK(from_golden<GetAccounting>() == GetAccounting{.request_id = 7, .pool = {}, .channel_id = {channel}});
    const auto accounting = from_golden<GetAccountingSuccess>();
    Totals later = golden_totals();
    later.shares_accepted += 1;
    later.share_work_sum_low += 1024;
    later.expected_hashes_low += 4'295'032'833;
    later.last_sequence_number = 43;
    later.last_share_timestamp = new_year + 1123;
    CHECK(accounting.request_id == 7);
    CHECK(accounting.derived == B0_255{bytes_of(later)});
    CHECK(golden_report(accounting.reported.bytes).position == 1044);
    CHECK(accounting.derived_before == B0_255{bytes_of(golden_totals())});
    CHECK(from_golden<GetChannelStats>() ==
          GetChannelStats{.request_id = 7, .pool = {}, .channel_id = {channel}, .start = start, .end = {}});
    CHECK(from_golden<GetChannelStatsSuccess>() ==
          GetChannelStatsSuccess{.request_id = 7, .start = start, .end = {}, .totals = {bytes_of(Totals{})}});
    CHECK(from_golden<ListChannels>() == ListChannels{.request_id = 7, .pool = {"pool-us"}, .cursor = {}});
    CHECK(from_golden<ListChannelsSuccess>() ==
          ListChannelsSuccess{.request_id = 7, .channels = {{{"a"}, {"b.1"}}}, .next_cursor = {}});
    CHECK(from_golden<GetTotals>() == GetTotals{.request_id = 7, .pool = {}, .start = {}, .end = new_year + 123});
    CHECK(from_golden<GetTotalsSuccess>() == GetTotalsSuccess{.request_id = 7,
                                                              .position = 1041,
                                                              .channels = 2,
                                                              .start = {},
                                                              .end = new_year + 3'599'999,
                                                              .totals = {bytes_of(golden_totals())}});
    CHECK(from_golden<ListStreams>() == ListStreams{.request_id = 7, .pool = {}, .cursor = {{0xc0, 0xff, 0xee, 0x00}}});
    const StreamState stream{
        .identity = {"pool-eu-1"}, .stream_id = 0x0bad'c0ff'ee0d'df00, .epoch = 3, .durable_sequence = 42};
    CHECK(from_golden<ListStreamsSuccess>() ==
          ListStreamsSuccess{.request_id = 7, .streams = {{{bytes_of(stream)}}}, .next_cursor = {}});
    CHECK(from_golden<GetHealth>() == GetHealth{.request_id = 7});
    CHECK(from_golden<GetHealthSuccess>() ==
          GetHealthSuccess{.request_id = 7,
                           .is_healthy = true,
                           .backend_type = {"sqlite"},
                           .connection_status = {"connected"},
                           .durability = static_cast<std::uint8_t>(Durability::local),
                           .last_operation_timestamp = new_year + 123,
                           .error_message = {}});
}

TEST_CASE("golden bytes of blocks, users, hours, drift and cleaning up mean what EXTENSION.md says they mean") {
    const Option<std::uint64_t> start = new_year + 123 - 3'600'000;
    const std::string user = "acct.worker-1";
    CHECK(
        from_golden<GetBlocks>() ==
        GetBlocks{.request_id = 7, .pool = {}, .channel_id = {}, .start = start, .end = {}, .limit = 0, .cursor = {}});
    const auto blocks = from_golden<GetBlocksSuccess>();
    CHECK(blocks.next_cursor.bytes.empty());
    REQUIRE(blocks.blocks.items.size() == 1);
    const auto found = decode<FoundBlock>(blocks.blocks.items.front().bytes).value();
    CHECK(found.status == static_cast<std::uint8_t>(BlockState::confirmed));
    CHECK(found.status_timestamp == new_year + 3'723'000);
    const auto told = decode<StoredRecord>(found.record.bytes).value();
    CHECK(told.position == 1042);
    CHECK(std::get<Block>(read_record(told.record.bytes).value().record).label.text == "block 1");

    CHECK(from_golden<ListUsers>() == ListUsers{.request_id = 7, .pool = {}, .cursor = {}});
    CHECK(from_golden<ListUsersSuccess>() ==
          ListUsersSuccess{.request_id = 7, .users = {{{user}, {"b"}}}, .next_cursor = {}});

    CHECK(from_golden<GetHours>() == GetHours{.request_id = 7,
                                              .pool = {},
                                              .subject = static_cast<std::uint8_t>(Subject::user),
                                              .subject_id = {user},
                                              .start = start,
                                              .end = {},
                                              .cursor = {}});
    const HourTotals hour{.start = new_year,
                          .totals = {bytes_of(Totals{.shares_accepted = 1,
                                                     .share_work_sum_low = 1024,
                                                     .expected_hashes_low = 4'295'032'833,
                                                     .blocks_found = 1,
                                                     .best_difficulty = 0x3ff0'0000'0000'0000, // 1.0
                                                     .last_sequence_number = 41,
                                                     .first_share_timestamp = new_year + 123,
                                                     .last_share_timestamp = new_year + 123})}};
    CHECK(from_golden<GetHoursSuccess>() ==
          GetHoursSuccess{.request_id = 7, .hours = {{{bytes_of(hour)}}}, .next_cursor = {}});

    CHECK(from_golden<ListDrift>() == ListDrift{.request_id = 7, .pool = {}, .cursor = {}});
    const auto drift = from_golden<ListDriftSuccess>();
    CHECK(drift.next_cursor.bytes.empty());
    REQUIRE(drift.channels.items.size() == 1);
    const auto drifting = decode<ChannelDrift>(drift.channels.items.front().bytes).value();
    CHECK(drifting.channel_id.text == channel);
    CHECK(golden_report(drifting.reported.bytes).sequence == 45);
    CHECK(drifting.derived_before == B0_255{bytes_of(golden_totals())});

    CHECK(from_golden<CleanupOldShares>() ==
          CleanupOldShares{.request_id = 7, .older_than = new_year - std::uint64_t{30} * 86'400'000});
    CHECK(from_golden<CleanupOldSharesSuccess>() == CleanupOldSharesSuccess{.request_id = 7, .removed_shares = 70});
}
