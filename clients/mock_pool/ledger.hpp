// What the pool knows of every record it ever sent, kept small (16 bytes a record), and the comparison with what the
// role holds.
#pragma once

#include "clients/mock_pool/journal.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mock_pool {

__extension__ using Work = unsigned __int128; // sums of 64-bit numbers never overflow it

struct Findings {
    std::uint64_t stored = 0;          // records of this journal that the role holds
    std::uint64_t accepted = 0;        // shares that count, by the role's totals
    std::uint64_t lost = 0;            // acknowledged and not stored, or stored and missing in totals
    std::uint64_t doubled = 0;         // stored twice, or totals above what is stored
    std::uint64_t phantom = 0;         // stored, never sent
    std::uint64_t altered = 0;         // other bytes, or another verdict than was acknowledged
    std::vector<std::string> examples; // of the four, for a person to read; the first of them

    [[nodiscard]] bool is_clean() const { return lost == 0 && doubled == 0 && phantom == 0 && altered == 0; }
};

class Ledger {
  public:
    // Follows the journal, of this life and of all before it. `entry` may come from a file: false if it makes no sense.
    bool apply(const JournalEntry& entry);

    [[nodiscard]] std::uint32_t lives() const { return lives_; }
    [[nodiscard]] std::uint64_t next_sequence() const;
    [[nodiscard]] const StoreMet& last_store() const { return last_store_; }
    [[nodiscard]] std::uint64_t sent() const;
    [[nodiscard]] std::uint64_t acknowledged() const;
    [[nodiscard]] const std::map<std::string, std::uint64_t>& refused() const { return refused_; } // by verdict
    // Verdicts on what should have been stored, and other verdicts on duplicates than that.
    [[nodiscard]] std::uint64_t refused_by_mistake() const { return refused_by_mistake_; }

    // The comparison: everything that the role lists, in any order, then findings().
    // `channel_id`: under which it was listed; empty for records that belong to no channel.
    void see_record(const protocol::StoredRecord& stored, std::string_view channel_id);
    void see_block(const protocol::FoundBlock& found);
    void see_channel_totals(std::string_view channel_id, const protocol::Totals& totals);
    void see_report(std::string_view channel_id, const std::optional<protocol::StoredRecord>& reported);
    void see_drift(std::string_view channel_id);
    void see_pool_totals(const protocol::Totals& totals);
    void see_stream(const protocol::StreamState& stream);
    Findings findings();

  private:
    struct Record {
        std::uint64_t digest = 0;                              // of its bytes
        protocol::Verdict verdict = protocol::Verdict::stored; // as acknowledged
        bool is_duplicate = false;
        bool is_seen = false;
    };
    struct Stream {
        std::uint64_t id = 0;
        std::vector<Record> records; // the first has number 1
        std::uint64_t acknowledged = 0;
        std::uint64_t durable = 0;  // as the role lists it
        std::uint64_t phantoms = 0; // records with numbers that were never sent
    };
    struct Sum {
        std::uint64_t accepted = 0;
        std::uint64_t rejected = 0;
        std::uint64_t duplicate = 0;
        Work work = 0;
        std::uint64_t blocks = 0;
        std::uint64_t last_report = 0; // its position
    };
    // As the listed records tell it; positions are 0 where there is none.
    struct FoundBlock {
        std::uint64_t share = 0; // positions of the first share and the first Block that tell it
        std::uint64_t block = 0;
        std::uint64_t status_position = 0; // of the last status
        std::uint8_t status = 0;
        std::uint64_t status_timestamp = 0;
        bool is_seen = false;
    };
    bool apply_one(const LifeBegan& entry);
    bool apply_one(const StreamReplaced& entry);
    bool apply_one(const StoreMet& entry);
    bool apply_one(const RecordSent& entry);
    bool apply_one(const VerdictGiven& entry);
    bool apply_one(const RecordsAcknowledged& entry);

    Stream* find(std::uint64_t stream_id);
    // What a record adds to the sums that are compared; nothing if it counts nowhere.
    void count(Sum& sum, std::uint64_t position, const protocol::AnyRecord& record);
    void check_blocks();
    // False if they differ, which it notes.
    bool compare(std::string_view what, const Sum& sum, const protocol::Totals& totals);
    void note(std::string example);

    std::vector<Stream> streams_; // the last is the current one
    std::uint32_t lives_ = 0;
    StoreMet last_store_;
    std::map<std::string, std::uint64_t> refused_;
    std::uint64_t refused_by_mistake_ = 0;

    Findings findings_;
    std::map<std::string, Sum, std::less<>> sums_;              // by channel
    std::vector<std::uint64_t> counted_hashes_;                 // of accepted shares that count
    std::map<std::array<std::uint8_t, 32>, FoundBlock> blocks_; // by hash
    bool was_store_replaced_ = false; // by an empty one: the pool has counted what it no longer has
    bool do_channels_agree_ = true;
};

} // namespace mock_pool
