#include "clients/cpp/backlog.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using client::AcknowledgmentError;
using client::Backlog;
using client::SendError;
using client::SendLimits;

namespace {

constexpr SendLimits wide{
    .records_per_message = 1000, .bytes_per_message = 1'000'000, .max_frame = 1'000'000, .max_in_flight = 1'000'000};

protocol::Bytes record(std::uint8_t content, std::size_t size = 10) {
    return protocol::Bytes(size, content);
}

Backlog backlog_of(std::uint8_t count) {
    Backlog backlog{0, 100};
    for (std::uint8_t i = 1; i <= count; ++i) REQUIRE(backlog.add(record(i)) == i);
    return backlog;
}

// How many records the next message holds; 0 if there is none.
std::size_t next_size(Backlog& backlog, const SendLimits& limits) {
    const auto message = backlog.next(limits).value();
    return message ? message->records.items.size() : 0;
}

} // namespace

TEST_CASE("records are numbered from the last acknowledged one on, and sent in order") {
    Backlog backlog{41, 10};
    CHECK(backlog.add(record(1)) == 42);
    CHECK(backlog.add(record(2)) == 43);
    const auto message = backlog.next(wide).value().value();
    CHECK(message.first_sequence == 42);
    REQUIRE(message.records.items.size() == 2);
    CHECK(message.records.items[0].bytes == record(1));
    CHECK(message.records.items[1].bytes == record(2));
    CHECK_FALSE(backlog.next(wide).value().has_value());
    CHECK(backlog.add(record(3)) == 44);
    CHECK(backlog.next(wide).value().value().first_sequence == 44);
}

TEST_CASE("a full backlog takes nothing until something is acknowledged") {
    Backlog backlog{0, 2};
    CHECK(backlog.add(record(1)) == 1);
    CHECK(backlog.add(record(2)) == 2);
    CHECK_FALSE(backlog.add(record(3)).has_value());
    CHECK(next_size(backlog, wide) == 2);
    CHECK_FALSE(backlog.add(record(3)).has_value());
    REQUIRE(backlog.acknowledge(1).has_value());
    CHECK(backlog.add(record(3)) == 3);
}

TEST_CASE("a message holds no more records and bytes than its limits allow") {
    SUBCASE("records") {
        Backlog backlog = backlog_of(5);
        SendLimits limits = wide;
        limits.records_per_message = 2;
        CHECK(next_size(backlog, limits) == 2);
        CHECK(next_size(backlog, limits) == 2);
        CHECK(next_size(backlog, limits) == 1);
    }
    SUBCASE("bytes of the payload: 10, and 3 + 10 a record") {
        Backlog backlog = backlog_of(5);
        SendLimits limits = wide;
        limits.bytes_per_message = 10 + 3 * 13;
        CHECK(next_size(backlog, limits) == 3);
        limits.bytes_per_message -= 1;
        CHECK(next_size(backlog, limits) == 2);
    }
    SUBCASE("a record above bytes_per_message goes alone, up to max_frame") {
        Backlog backlog = backlog_of(2);
        SendLimits limits = wide;
        limits.bytes_per_message = 1;
        limits.max_frame = 10 + 13;
        CHECK(next_size(backlog, limits) == 1);
        limits.max_frame -= 1;
        CHECK_FALSE(backlog.next(limits).value().has_value());
        REQUIRE(backlog.acknowledge(1).has_value());
        CHECK(backlog.next(limits).error() == SendError::limits_too_small);
    }
}

TEST_CASE(
    "what is under way stays within the window: payload bytes and 64 a record, until a message is acknowledged whole") {
    Backlog backlog = backlog_of(10);
    SendLimits limits = wide;
    limits.max_in_flight = 10 + 3 * (13 + 64);
    CHECK(next_size(backlog, limits) == 3);
    CHECK(next_size(backlog, limits) == 0);
    REQUIRE(backlog.acknowledge(2).has_value());
    CHECK(next_size(backlog, limits) == 0);
    REQUIRE(backlog.acknowledge(3).has_value());
    CHECK(next_size(backlog, limits) == 3);
}

TEST_CASE("with nothing under way a record may be larger than the window") {
    Backlog backlog = backlog_of(2);
    SendLimits limits = wide;
    limits.max_in_flight = 10 + 13 + 64 - 1;
    CHECK(next_size(backlog, limits) == 1);
    CHECK(next_size(backlog, limits) == 0);
    REQUIRE(backlog.acknowledge(1).has_value());
    CHECK(next_size(backlog, limits) == 1);
}

TEST_CASE("only what this session sent can be acknowledged, and never less than before") {
    Backlog backlog = backlog_of(3);
    CHECK(backlog.acknowledge(1).error() == AcknowledgmentError::never_sent);
    CHECK(next_size(backlog, wide) == 3);
    REQUIRE(backlog.acknowledge(2).has_value());
    CHECK(backlog.acknowledge(1).error() == AcknowledgmentError::goes_back);
    CHECK(backlog.acknowledge(4).error() == AcknowledgmentError::never_sent);
    CHECK(backlog.acknowledge(2).has_value());
    backlog.rewind();
    CHECK(backlog.acknowledge(3).error() == AcknowledgmentError::never_sent);
}

TEST_CASE("a new session sends everything again that was not acknowledged") {
    Backlog backlog = backlog_of(5);
    CHECK(next_size(backlog, wide) == 5);
    REQUIRE(backlog.acknowledge(2).has_value());
    backlog.rewind();
    const auto message = backlog.next(wide).value().value();
    CHECK(message.first_sequence == 3);
    REQUIRE(message.records.items.size() == 3);
    CHECK(message.records.items[0].bytes == record(3));
}

TEST_CASE("a new stream numbers what is left from 1 on") {
    Backlog backlog = backlog_of(5);
    CHECK(next_size(backlog, wide) == 5);
    REQUIRE(backlog.acknowledge(2).has_value());
    backlog.renumber();
    CHECK(backlog.last_numbered() == 3);
    const auto message = backlog.next(wide).value().value();
    CHECK(message.first_sequence == 1);
    CHECK(message.records.items[0].bytes == record(3));
    CHECK(backlog.add(record(6)) == 4);
}
