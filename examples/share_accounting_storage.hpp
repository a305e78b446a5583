// The operations of the storage crate that this project succeeds, by their old names, over a store in this process.
// docs/reference-mapping.md tells for each what a client of the role sends instead.
//
// A pool has one stream of records here: each gets the next number, and is durable when the call returns. Times are
// milliseconds since 1970 UTC; bounds are inclusive; lists come newest first.
#pragma once

#include "protocol/records.hpp"
#include "storage/open.hpp"
#include "storage/store.hpp"
#include "storage/work.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace examples {

template <class T> using Result = std::expected<T, std::string>; // the error is for a person to read

enum class Source : std::uint8_t {
    reported, // by the pool, in its last report
    derived,  // from the shares that are stored
};

struct ShareAccountingData {
    std::string channel_id;
    std::uint32_t last_share_sequence_number = 0;
    std::uint64_t shares_accepted = 0;
    storage::Uint128 share_work_sum;
    double best_diff = 0;
    storage::Milliseconds last_updated = 0;
    Source source{};
};

struct BlockRecord {
    protocol::Block block;
    protocol::BlockState state{};
};

struct ChannelStats {
    std::uint64_t total_shares = 0;
    std::uint64_t accepted_shares = 0;
    std::uint64_t rejected_shares = 0;
    storage::Uint128 total_work; // of accepted shares
    std::uint64_t blocks_found = 0;
    double best_difficulty = 0;
    std::optional<storage::Milliseconds> first_share_timestamp;
    std::optional<storage::Milliseconds> last_share_timestamp;
    storage::Range covered; // the range asked for, or whole hours around it where old shares are gone
};

struct StorageHealth {
    bool is_healthy = false;
    std::string backend_type;
    std::string connection_status; // connected, failed or closed
    std::optional<storage::Milliseconds> last_operation_timestamp;
    std::optional<std::string> error_message;
};

using StoreOpener = std::function<storage::Result<std::unique_ptr<storage::Store>>()>;

// One of the backends that are built in. `database_path` is for those that keep files.
StoreOpener backend(std::string name, std::filesystem::path database_path = {});
StoreOpener backend(storage::StoreConfig config);

class ShareAccountingStorage {
  public:
    explicit ShareAccountingStorage(StoreOpener opener) : opener_{std::move(opener)} {}

    Result<void> initialize();
    Result<void> close();

    // What is stored tells its verdict: anything but `stored` means that it counts nowhere, as a share whose hash was
    // accepted before.
    Result<protocol::Verdict> store_share_accounting(const protocol::ShareAccounting& report);
    Result<protocol::Verdict> store_share_record(const protocol::Share& share);
    Result<protocol::Verdict> store_block_record(const protocol::Block& block);
    Result<protocol::Verdict> store_batch_acknowledgment(const protocol::BatchAcknowledgment& batch);
    // Takes the channel's reports back; what its shares add up to stays.
    Result<protocol::Verdict> delete_share_accounting(const std::string& channel_id);
    // All of them or none; a verdict for each. What the old crate could not do: the disk is asked once.
    Result<std::vector<protocol::Verdict>> store_batch(const std::vector<protocol::AnyRecord>& records);

    // The last report, else what the shares add up to; nothing for a channel without records.
    [[nodiscard]] Result<std::optional<ShareAccountingData>> get_share_accounting(const std::string& channel_id) const;
    [[nodiscard]] Result<std::vector<std::string>> list_channels() const; // in the order of their bytes
    [[nodiscard]] Result<std::vector<protocol::Share>> get_share_records(const std::string& channel_id,
                                                                         const storage::Range& range = {},
                                                                         std::optional<std::size_t> limit = {}) const;
    [[nodiscard]] Result<bool> is_share_seen(const std::string& channel_id, const protocol::U256& share_hash) const;
    [[nodiscard]] Result<std::vector<BlockRecord>> get_block_records(const storage::Range& range = {},
                                                                     std::optional<std::size_t> limit = {}) const;
    [[nodiscard]] Result<std::vector<BlockRecord>> get_channel_blocks(const std::string& channel_id) const;
    [[nodiscard]] Result<std::vector<protocol::BatchAcknowledgment>>
    get_batch_acknowledgments(const std::string& channel_id, const storage::Range& range = {},
                              std::optional<std::size_t> limit = {}) const;
    [[nodiscard]] Result<std::uint64_t> get_total_shares(const storage::Range& range = {}) const;
    [[nodiscard]] Result<storage::Uint128> get_total_work(const storage::Range& range = {}) const;
    [[nodiscard]] Result<ChannelStats> get_channel_stats(const std::string& channel_id,
                                                         const storage::Range& range = {}) const;

    // How many shares that had arrived before `older_than` are gone now.
    Result<std::uint64_t> cleanup_old_shares(storage::Milliseconds older_than);
    [[nodiscard]] StorageHealth health_check() const;

    // The store below, for what the old crate had no name for. There is one between initialize() and close().
    [[nodiscard]] const storage::Store& store() const { return *store_; }

  private:
    Result<protocol::Verdict> store(const protocol::AnyRecord& record);
    template <class R>
    Result<std::vector<R>> records(const std::string& channel_id, const storage::Range& range,
                                   std::optional<std::size_t> limit) const;
    Result<std::vector<BlockRecord>> blocks(const std::string& channel_id, const storage::Range& range,
                                            std::optional<std::size_t> limit) const;

    StoreOpener opener_;
    std::unique_ptr<storage::Store> store_;
    storage::Attachment stream_;
    std::uint64_t next_sequence_ = 0;
};

} // namespace examples
