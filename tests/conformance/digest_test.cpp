// The same records, as one number: whoever moves a store to another backend compares it.
#include "protocol/codec.hpp"
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/writer.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <doctest/doctest.h>
#include <sodium.h>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

namespace {

using protocol::RecordKind;

// SHA-256 over each record in the order of positions: where it came from, and its bytes as sent.
std::string digest(const storage::Store& store) {
    std::vector<protocol::StoredRecord> records;
    for (const std::string channel : {"", "a", "b"}) {
        for (auto kind = RecordKind::share; kind < RecordKind::lost; kind = RecordKind(std::to_underlying(kind) + 1)) {
            const auto page = store.records(
                {.pool = pool, .kind = kind, .channel_id = channel, .range = {}, .after = {}, .limit = no_limit});
            REQUIRE(page.has_value());
            records.insert(records.end(), page->records.begin(), page->records.end());
        }
    }
    std::ranges::sort(records, {}, &protocol::StoredRecord::position);
    protocol::Writer out;
    for (const auto& stored : records) {
        put(out, stored.identity);
        put(out, stored.stream_id);
        put(out, stored.sequence);
        put(out, stored.record);
    }
    std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), out.written().data(), out.written().size());
    return support::to_hex(hash);
}

} // namespace

TEST_CASE("The digest of the same records is the same in every store") {
    Scene scene;
    Writer alice{scene, {.identity = "alice", .stream_id = 1}, pool};
    Writer bob{scene, {.identity = "bob", .stream_id = 0xffff'ffff'ffff'ffff}, pool};
    alice.store_all(noon, share("a", 1), with_block(share("a", 2)), rejected(share("b", 3)), block("a", 2));
    bob.store_all(noon + 1, share("b", 1), of_user(share("b", 4), "ann"), batch_acknowledgment("b"),
                  block_status(2, protocol::BlockState::confirmed), declared_job(1), solution(1, 5));
    alice.store_all(noon + 2, report("a", {}), accounting_deleted("a"), with_target(share("a", 6), power_of_2(200)));
    alice.store(sent(share("a", 7), {{0x01, 0x53, 0x04, 0x01, 0x00, 0x2a}}), noon + 3);
    const std::string all = "fc8a26b8031abcb626a27ce1d6df609abc9ee2249323bfb75563acf5c089f818";
    CHECK(digest(scene.store()) == all);
    if (scene.is_volatile()) return;
    scene.drop_and_reopen();
    CHECK(digest(scene.store()) == all);
}

} // namespace conformance
