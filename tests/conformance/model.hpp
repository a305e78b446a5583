// A store in the plainest words: a list of records, and every answer counted anew from it. Slow, and obviously right.
// What it is asked are the questions of storage/store.hpp; nothing of how stores work is used here.
#pragma once

#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/store.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace conformance {

class Model {
  public:
    struct Entry {
        storage::Position position = 0;
        storage::StreamName stream;
        std::uint64_t sequence = 0;
        storage::Milliseconds received_at = 0;
        protocol::Verdict verdict{};
        protocol::Bytes bytes;
        std::string pool;

        std::optional<protocol::AnyRecord> record; // nothing: the bytes are none, and the next two say nothing
        std::string channel_id;
        storage::Milliseconds time = 0; // effective

        [[nodiscard]] const protocol::Share* share() const {
            return record ? std::get_if<protocol::Share>(&*record) : nullptr;
        }
    };

    // `number` is what a new stream is called from now on.
    storage::Attachment attach(const storage::StreamName& name, const std::string& pool, std::uint32_t number);
    std::vector<storage::Outcome> commit(std::span<const storage::Submission> submissions);

    [[nodiscard]] storage::Position position() const { return log_.size(); }
    [[nodiscard]] const std::vector<Entry>& log() const { return log_; }

    // All of them, newest first.
    [[nodiscard]] std::vector<protocol::StoredRecord> shares(const std::string& pool, const std::string& channel_id,
                                                             const storage::Range& range) const;
    [[nodiscard]] bool is_share_seen(const std::string& pool, const std::string& channel_id,
                                     const protocol::U256& hash) const;
    [[nodiscard]] std::optional<protocol::Totals> accounting(const std::string& pool,
                                                             const std::string& channel_id) const;
    // Over one channel, or all of the pool.
    [[nodiscard]] protocol::Totals channel_stats(const std::string& pool, const std::optional<std::string>& channel_id,
                                                 const storage::Range& range) const;
    [[nodiscard]] storage::PoolTotals totals(const std::string& pool, const storage::Range& range) const;
    // All of them, in their order.
    [[nodiscard]] std::vector<std::string> channels(const std::string& pool, const storage::Range& range = {}) const;
    [[nodiscard]] std::vector<protocol::StreamState> streams(const std::string& pool) const;

  private:
    struct Stream {
        std::uint32_t number = 0;
        std::string pool;
        std::uint64_t epoch = 0;
        bool is_refused = false;          // the attachment of this epoch
        std::vector<std::size_t> entries; // places in the log, of numbers 1, 2, 3, ...
    };

    storage::Outcome commit(const storage::Submission& submission);
    void append(const storage::StreamName& name, Stream& stream, const protocol::Bytes& bytes,
                storage::Milliseconds received_at);

    std::map<storage::StreamName, Stream> streams_;
    std::vector<Entry> log_;
};

} // namespace conformance
