// A store in the plainest words: a list of records, and every answer counted anew from it. Slow, and obviously right.
// What it is asked are the questions of storage/store.hpp; nothing of how stores work is used here.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/store.hpp"
#include "tests/conformance/entry.hpp"

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conformance {

class Model {
  public:
    // Of a store that has stored and removed `base` records already, of pools that nobody asks about.
    explicit Model(storage::Position base = 0) : base_{base}, removed_{base} {}

    // `number` is what a new stream is called from now on.
    storage::Attachment attach(const storage::StreamName& name, const std::string& pool, std::uint32_t number);
    storage::Outcome commit(const storage::Submission& submission);
    // To the end. How many shares are gone that were there before.
    std::uint64_t clean_up(storage::Milliseconds older_than);

    [[nodiscard]] storage::Position position() const { return base_ + log_.size(); }
    // All that was ever stored.
    [[nodiscard]] const std::vector<Entry>& log() const { return log_; }

    // All that are left to list behind the query's cursor, whatever fits a page.
    [[nodiscard]] std::vector<Listed<protocol::StoredRecord>> records(const storage::RecordQuery& query) const;
    [[nodiscard]] std::vector<Listed<protocol::FoundBlock>> blocks(const storage::BlockQuery& query) const;
    [[nodiscard]] bool is_share_seen(const std::string& pool, const std::string& channel_id,
                                     const protocol::U256& hash) const;
    // Of the channel or user of this name, or of all in the pool if it is empty; whatever was removed.
    [[nodiscard]] protocol::Totals
    totals(const std::string& pool, protocol::Subject subject, const std::string& name, const storage::Range& range,
           storage::Position up_to = std::numeric_limits<storage::Position>::max()) const;
    // What can be told of a range where records are gone: it, or whole hours. Of a channel or all, as above.
    [[nodiscard]] storage::Range covered(const std::string& pool, const std::string& channel_id,
                                         storage::Range range) const;
    [[nodiscard]] std::optional<storage::Accounting> accounting(const std::string& pool,
                                                                const std::string& channel_id) const;
    // All of them, in their order, as the next.
    [[nodiscard]] std::vector<storage::Drift> drift(const std::string& pool) const;
    [[nodiscard]] std::vector<storage::Hour> hours(const std::string& pool, protocol::Subject subject,
                                                   const std::string& name, const storage::Range& range) const;
    // Of the channels or users with records in the range.
    [[nodiscard]] std::vector<std::string> names(const std::string& pool, protocol::Subject subject,
                                                 const storage::Range& range = {}) const;
    [[nodiscard]] std::vector<protocol::StreamState> streams(const std::string& pool) const;

  private:
    struct Stream {
        std::uint32_t number = 0;
        std::string pool;
        std::uint64_t epoch = 0;
        bool is_refused = false;          // the attachment of this epoch
        std::vector<std::size_t> entries; // places in the log, of numbers 1, 2, 3, ...
    };

    // The first of the submission's records that is new.
    void append(const storage::StreamName& name, Stream& stream, const storage::Submission& submission);
    [[nodiscard]] const Entry* last_report(const std::string& pool, const std::string& channel_id) const;
    [[nodiscard]] bool is_gone(const Entry& entry) const;

    storage::Position base_;
    storage::Position removed_; // up to here all is gone, but what outlives that
    std::map<storage::StreamName, Stream> streams_;
    std::vector<Entry> log_;
};

} // namespace conformance
