// What the role needs of a store. Blocking. attach() and commit() are called by one thread at a time, the writer; all
// questions may be asked by any thread at any time, also while the writer writes.
//
// What it promises: the records of a commit are durable when it returns, all of them or none; each gets the next
// position; a stream's numbers are used in order and once. Every answer counts all records up to one position, at
// least that of the last commit that had returned when the question was asked, and nothing beyond.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_messages.hpp"
#include "protocol/storage_requests.hpp"
#include "protocol/verdict.hpp"
#include "storage/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace storage {

using Position = std::uint64_t;     // 1, 2, 3, ... in the order of commits; 0: before the first
using Milliseconds = std::uint64_t; // since 1970 UTC
using ChainLink = std::array<std::uint8_t, 16>;

// A sequence of records from one client: numbers 1, 2, 3, ...
struct StreamName {
    std::string identity;
    std::uint64_t stream_id = 0;

    auto operator<=>(const StreamName&) const = default;
};

// The right to append to a stream, until the next session attaches to it.
struct Attachment {
    std::uint32_t stream = 0; // the stream's number in this store
    std::uint64_t epoch = 0;
    std::uint64_t durable_sequence = 0;
};

// What one message wants stored.
struct Submission {
    std::uint32_t stream = 0; // of the attachment, as the next
    std::uint64_t epoch = 0;
    std::uint64_t first_sequence = 0;
    std::vector<protocol::B0_16M> records; // as sent; at least one
    Milliseconds received_at = 0;
};

struct SequenceVerdict {
    std::uint64_t sequence = 0;
    protocol::Verdict verdict{};

    bool operator==(const SequenceVerdict&) const = default;
};

// Durable now, or already before.
struct Stored {
    std::uint64_t last_sequence = 0;       // of the submission
    std::vector<SequenceVerdict> verdicts; // of its records that count nowhere, ascending
    std::uint64_t unread = 0; // so many of its first were not looked at: retention has gone past their numbers

    bool operator==(const Stored&) const = default;
};

// Nothing of the submission was stored, and nothing of the same attachment is from then on.
enum class Refused : std::uint8_t {
    fenced,
    sequence_gap,
    sequence_conflict,
    damaged, // whether its records are new cannot be told: what they are compared with is not what was written
};

using Outcome = std::expected<Stored, Refused>;

struct DataSet {
    std::uint64_t id = 0;         // random, made with the store; a volatile store has a new one each time
    std::uint32_t generation = 0; // from 1

    bool operator==(const DataSet&) const = default;
};

// A head that a store had come to, for whoever keeps it elsewhere: `chain` stands for all records up to `position`.
struct Mark {
    DataSet data_set;
    Position position = 0;
    ChainLink chain{};

    bool operator==(const Mark&) const = default;
};

// What a store is to a mark.
enum class MarkFit : std::uint8_t {
    fits,          // it has come there, as far as is known: or an earlier generation had, whose loss was accepted
    behind,        // it has not: a later part of it is lost, or its generation
    other_history, // it has been elsewhere at that position, or is another data set
};

struct Range {
    std::optional<Milliseconds> start; // inclusive
    std::optional<Milliseconds> end;   // inclusive
};

// Where a list of records goes on: behind `time` and `position`, among the records up to `cut`.
struct RecordCursor {
    Position cut = 0;
    Milliseconds time = 0;
    Position position = 0;
};

// Of what a page holds, at most.
struct PageLimit {
    std::size_t items = 0; // 0: as many as fit
    std::size_t bytes = 0; // of the encoded items; one is always given, however large
};

struct RecordQuery {
    std::string pool;
    protocol::RecordKind kind{};
    std::string channel_id; // empty: the pool's records that belong to no channel
    Range range;
    std::optional<RecordCursor> after;
    PageLimit limit;
};

struct RecordPage {
    std::vector<protocol::StoredRecord> records;
    std::optional<RecordCursor> next; // nothing: that was the last
};

struct BlockQuery {
    std::string pool;
    std::string channel_id; // empty: of all channels
    Range range;
    std::optional<RecordCursor> after;
    PageLimit limit;
};

struct BlockPage {
    std::vector<protocol::FoundBlock> blocks;
    std::optional<RecordCursor> next;
};

// A pool's last report of a channel, and the channel's totals of the records up to it.
struct Report {
    protocol::StoredRecord record;
    protocol::Totals derived_before;
};

struct Accounting {
    protocol::Totals derived;
    std::optional<Report> reported;
};

// `range` is the one asked for, or whole hours around it, where retention has taken records away.
struct RangeTotals {
    Range range;
    protocol::Totals totals;
};

struct HoursQuery {
    std::string pool;
    protocol::Subject subject{};
    std::string subject_id;
    Range range;                        // the hours that overlap it
    std::optional<std::uint32_t> after; // hours up to this one are left out
    std::size_t limit = 0;
};

struct Hour {
    std::uint32_t number = 0; // since 1970 UTC
    protocol::Totals totals;
};

struct Drift {
    std::string channel_id;
    Report report;
};

// What one step of cleaning up has done.
struct CleanupStep {
    std::uint64_t removed_shares = 0;
    bool is_done = false; // nothing is left to remove
};

struct PoolTotals {
    Position position = 0;
    std::uint64_t channels = 0; // with a record in the range
    RangeTotals in_range;
};

struct Health {
    bool is_healthy = false;
    std::optional<Milliseconds> last_commit; // before the first since the start: when the last record came
    std::string error_message;
    std::string damage; // that somebody has met since the start, and where; empty if nobody has. The store stores
};

class Store {
  public:
    Store() = default;
    Store(const Store&) = delete;
    Store(Store&&) = delete;
    Store& operator=(const Store&) = delete;
    Store& operator=(Store&&) = delete;
    virtual ~Store() = default;

    // What never changes while the store is open.
    [[nodiscard]] virtual std::string_view backend() const = 0;
    [[nodiscard]] virtual protocol::Durability durability() const = 0;
    [[nodiscard]] virtual DataSet data_set() const = 0;

    // Makes the stream's next epoch durable: whoever attached before is fenced. `pool` is where its records go.
    virtual Result<Attachment> attach(const StreamName& stream, const std::string& pool) = 0;

    // One outcome for each submission, in their order. A call that fails has stored nothing, unless its error is
    // `unknown`; calling again with the same submissions stores each once.
    virtual Result<std::vector<Outcome>> commit(std::span<const Submission> submissions) = 0;

    // Takes out a few thousand of the records that arrived before `older_than`, oldest first, up to the first that did
    // not: shares but those that found a block, batch acknowledgments, declared jobs, reports but the last of a
    // channel, and what is no record. What they add up to stays. To be called until it is done; as commit() in all
    // else.
    virtual Result<CleanupStep> clean_up(Milliseconds older_than) = 0;

    // The last position whose commit has returned.
    [[nodiscard]] virtual Position position() const = 0;
    [[nodiscard]] virtual Mark mark() const = 0; // there

    // Inside of a run that has been removed every mark fits: nothing tells any more. Reads a run at most.
    [[nodiscard]] virtual Result<MarkFit> compare(const Mark& mark) const = 0;

    [[nodiscard]] virtual Result<RecordPage> records(const RecordQuery& query) const = 0;
    [[nodiscard]] virtual Result<BlockPage> blocks(const BlockQuery& query) const = 0;
    // Accepted shares of the channel, or of the whole pool if `channel_id` is empty.
    [[nodiscard]] virtual Result<std::vector<bool>> are_shares_seen(const std::string& pool,
                                                                    const std::string& channel_id,
                                                                    std::span<const protocol::U256> hashes) const = 0;
    // Of all records of the channel; nothing if the store has none.
    [[nodiscard]] virtual Result<std::optional<Accounting>> accounting(const std::string& pool,
                                                                       const std::string& channel_id) const = 0;
    // Of all channels whose last report differs from what their records added up to; in the order of their names.
    [[nodiscard]] virtual Result<std::vector<Drift>> drift(const std::string& pool, const std::string& after,
                                                           std::size_t limit) const = 0;
    [[nodiscard]] virtual Result<RangeTotals> channel_stats(const std::string& pool, const std::string& channel_id,
                                                            const Range& range) const = 0;
    [[nodiscard]] virtual Result<PoolTotals> totals(const std::string& pool, const Range& range) const = 0;
    // Ascending; those without records are left out.
    [[nodiscard]] virtual Result<std::vector<Hour>> hours(const HoursQuery& query) const = 0;
    // Those after `after` in the order of their bytes, at most `limit`.
    [[nodiscard]] virtual Result<std::vector<std::string>> channels(const std::string& pool, const std::string& after,
                                                                    std::size_t limit) const = 0;
    [[nodiscard]] virtual Result<std::vector<std::string>> users(const std::string& pool, const std::string& after,
                                                                 std::size_t limit) const = 0;
    [[nodiscard]] virtual Result<std::vector<protocol::StreamState>>
    streams(const std::string& pool, const std::optional<StreamName>& after, std::size_t limit) const = 0;
    [[nodiscard]] virtual Health health() const = 0;
    // What will keep it from storing if nobody acts, for a person; empty if nothing will.
    [[nodiscard]] virtual std::string warning() const = 0;

    // Lets calls that are under way end soon, with `unavailable`. From any thread.
    virtual void interrupt() = 0;

    // Ends everything in order. Nothing else may be called afterwards.
    virtual Result<void> close() = 0;
};

} // namespace storage
