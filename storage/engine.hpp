// What a backend has to do: keep the log, find its entries again. It judges nothing; storage/log_store does, once for
// all backends. write() is called by one thread at a time; reads come from any thread, also during a write, and must
// then see the log as it was before or after it, never half of it.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_messages.hpp"
#include "protocol/verdict.hpp"
#include "storage/error.hpp"
#include "storage/store.hpp"
#include "storage/tally.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace storage {

// One record in the log. Never changes once it is written.
struct LogEntry {
    Position position = 0;
    std::uint32_t stream = 0;
    std::uint64_t sequence = 0;
    Milliseconds received_at = 0;
    protocol::Verdict verdict{};
    protocol::Bytes bytes;      // as sent
    std::uint64_t checksum = 0; // over all of the above

    // What was found in the bytes; absent for those that are no record. Engines may store this instead of the bytes.
    std::optional<protocol::ReadRecord> content;
    std::uint32_t channel = 0; // its number; 0 without content. Records of no channel have their pool's own
    Milliseconds time = 0;     // effective

    // Set on accepted shares that count: the keyed fingerprint by which the share's hash is found again.
    std::optional<std::uint64_t> fingerprint;
};

// Nothing if it is something else.
inline const protocol::Share* share_of(const LogEntry& entry) {
    return entry.content ? std::get_if<protocol::Share>(&entry.content->record) : nullptr;
}

struct StreamRow {
    std::uint32_t number = 0;
    StreamName name;
    std::string pool;
    std::uint64_t epoch = 0;
    std::uint64_t durable_sequence = 0;
    std::uint64_t removed_sequence = 0; // records up to this one may have been taken out
};

struct ChannelRow {
    std::uint32_t number = 0;
    std::string pool;
    std::string channel_id; // empty: the pool's own, of the records that belong to no channel
};

struct UserRow {
    std::uint32_t number = 0;
    std::string pool;
    std::string user_identity;
};

struct Head {
    std::uint64_t term = 0; // of the role that wrote last; each that opens the store takes the next
    Position position = 0;
    ChainLink chain{};
    Position removed = 0;      // the end of a run: records up to here count as gone, but those that clean_up() leaves
    ChainLink removed_chain{}; // the link there

    bool operator==(const Head&) const = default;
};

// A part of the log that has been added up. Runs follow each other without gaps, from position 1 on.
struct Run {
    Position first = 0;
    Position last = 0; // its name
    ChainLink chain{}; // the link at `last`
    Milliseconds first_received = 0;
    Milliseconds last_received = 0; // the latest, wherever it stands

    bool operator==(const Run&) const = default;
};

// What the records of a run that lie in one hour add up to, of one channel or user. Of a run that has been removed this
// is all there is; of others it can be made again. Never changes while its run is there.
struct HourRow {
    protocol::Subject subject{};
    std::uint32_t number = 0; // of the channel or user
    std::uint32_t hour = 0;   // since 1970 UTC, of effective times
    Position run = 0;         // Run::last
    Tally tally;
    std::uint64_t checksum = 0; // over all of the above
};

// Derived state: may be thrown away, and is then made again from the log.
struct KeyValue {
    protocol::Bytes key;
    protocol::Bytes value;
};

// All of it durable when write() returns, or none of it; and with it whatever was written before, also if it changes
// nothing itself.
struct Transaction {
    Head expected;                    // before it: as the store's, or write() fails with wrong_head()
    std::vector<LogEntry> entries;    // ascending positions
    std::vector<StreamRow> streams;   // new or changed
    std::vector<ChannelRow> channels; // new
    std::vector<UserRow> users;       // new
    std::vector<KeyValue> derived;    // new or changed
    // Done in this order: a run and its hours go; runs and hours come.
    std::optional<Position> replaced_run;
    std::vector<Run> runs;
    std::vector<HourRow> hours;
    std::vector<LogEntry> removed; // to be taken out, as read(), but with their fingerprints
    Head head;                     // after it
};

// What write() says of a head that is not the expected one. Another term is another role's; the same one is that of a
// store which has lost its end, or has one more transaction than was known: load() tells.
inline StorageError wrong_head(bool has_expected_term) {
    using enum StorageError::Kind;
    if (!has_expected_term) return {.kind = superseded, .detail = "another role writes to the store now"};
    return {.kind = unknown, .detail = "the store does not end where what was to be written begins"};
}

// What is read once, when the store is opened.
struct Contents {
    DataSet data_set;
    std::array<std::uint8_t, 16> fingerprint_key{}; // random, made with the store
    Head head;
    std::vector<StreamRow> streams;
    std::vector<ChannelRow> channels;
    std::vector<UserRow> users;
    std::vector<Run> runs; // ascending
    std::vector<KeyValue> derived;
};

// Newest first by (time, position): below `before`, of positions up to `cut`.
struct RecordScan {
    protocol::RecordKind kind{};
    std::uint32_t channel = 0;
    Milliseconds first_time = 0; // inclusive, as the next
    Milliseconds last_time = 0;
    Position cut = 0;
    std::optional<std::pair<Milliseconds, Position>> before;
    std::size_t limit = 0;
};

struct HourScan {
    protocol::Subject subject{};
    std::uint32_t number = 0;
    std::uint32_t first_hour = 0; // inclusive, as the next
    std::uint32_t last_hour = 0;
    Position first_run = 0; // Run::last, inclusive, as the next
    Position last_run = 0;
};

class Engine {
  public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine(Engine&&) = delete;
    Engine& operator=(const Engine&) = delete;
    Engine& operator=(Engine&&) = delete;
    virtual ~Engine() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual protocol::Durability durability() const = 0;

    // What is in the store now. Also after a failed write, to learn what became of it.
    virtual Result<Contents> load() = 0;

    virtual Result<void> write(const Transaction& transaction) = 0;

    // Entries of positions first..last that are there, ascending, at most `limit`.
    [[nodiscard]] virtual Result<std::vector<LogEntry>> read(Position first, Position last,
                                                             std::size_t limit) const = 0;
    // Entries of the stream's numbers first..last that are there, ascending. Not asked for removed_sequence and below.
    [[nodiscard]] virtual Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                                                    std::uint64_t last) const = 0;
    // Whatever their verdict.
    [[nodiscard]] virtual Result<std::vector<LogEntry>> scan(const RecordScan& scan) const = 0;
    // By (hour, run), ascending.
    [[nodiscard]] virtual Result<std::vector<HourRow>> hours(const HourScan& scan) const = 0;
    // Whether the channel has an entry, of any kind, with a time in first_time..last_time and a position up to `cut`.
    [[nodiscard]] virtual Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time,
                                                   Milliseconds last_time, Position cut) const = 0;
    // Positions up to `cut` of the entries written with this fingerprint.
    [[nodiscard]] virtual Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const = 0;

    // What will keep it from writing if nobody acts, for a person; empty if nothing will. From any thread.
    [[nodiscard]] virtual std::string warning() const { return {}; }

    // Lets calls that are under way end soon, with `unavailable`. From any thread.
    virtual void interrupt() = 0;
    virtual Result<void> close() = 0;
};

} // namespace storage
