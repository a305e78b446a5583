// Checksums, links and fingerprints, against values computed by another implementation, and the times of records.

#include "storage/integrity.hpp"
#include "tests/storage/fixtures.hpp"
#include "tests/support/hex.hpp"

using namespace fixtures;
using namespace storage;

namespace {}

TEST_CASE("checksums, links and fingerprints are what they were in every version") {
    LogEntry entry;
    entry.position = 1;
    entry.stream = 2;
    entry.sequence = 3;
    entry.received_at = today;
    entry.verdict = protocol::last_verdict;
    entry.bytes = {1, 2, 3};
    CHECK(checksum_of(entry) == 0x7071'e875'f8de'a1e2);

    ChainLink link{};
    FingerprintKey key{};
    for (std::size_t i = 0; i < link.size(); ++i) link[i] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
    CHECK(support::to_hex(next_link(link, 0x7071'e875'f8de'a1e2)) == "5c625e2b35a40523147e0666410f4049");
    CHECK(fingerprint_of(key, "a-pool", hash(5)) == 0xb37c'222a'4730'22ea);
}

TEST_CASE("a record's time is its timestamp from 31 days before to 2 hours after its arrival, else its arrival") {
    constexpr Milliseconds before = 31ULL * 24 * 3600 * 1000;
    constexpr Milliseconds after = 2ULL * 3600 * 1000;
    const auto time = [](Milliseconds timestamp, Milliseconds received_at) {
        protocol::Share record = share(1);
        record.timestamp = timestamp;
        return effective_time(record, received_at);
    };
    CHECK(time(today, today) == today);
    CHECK(time(today - before, today) == today - before);
    CHECK(time(today - before - 1, today) == today);
    CHECK(time(today + after, today) == today + after);
    CHECK(time(today + after + 1, today) == today);
    CHECK(time(0, 5) == 0);
    CHECK(time(0, today) == today);
    CHECK(time(max64, max64 - 1) == max64);
    CHECK(time(0, max64) == max64);
}
