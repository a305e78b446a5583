// One commit in the making: judges submissions and gathers what has to be written. Nothing outside of it changes: if
// the write fails, the batch is thrown away, and that is all.
#pragma once

#include "storage/engine.hpp"
#include "storage/integrity.hpp"
#include "storage/state.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace storage {

class Batch {
  public:
    // For about `records` records. The others must outlive the batch, and not change meanwhile.
    Batch(const State& state, const Engine& engine, const FingerprintKey& key, std::size_t records);

    // To be stored behind what was added before, or why not. Damage in the log that it meets is told to whoever met it,
    // and holds up nobody else.
    Result<Outcome> add(const Submission& submission);

    // What to write: no entries if nothing is new. Its derived state is left to the caller. Ends the batch.
    [[nodiscard]] Transaction transaction() &&;

    // The attachments, stream and epoch, that were refused here.
    [[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint64_t>> refused() const;

    // That was met.
    [[nodiscard]] const std::optional<StorageError>& damage() const { return damage_; }

  private:
    using Numbers = std::map<std::string, std::uint32_t>; // a channel's id ->
    struct Appended {
        StreamRow row;                    // as it will be
        const Pool* known_pool = nullptr; // the row's; nothing if it is new
        Numbers* new_channels = nullptr;  // the pool's
        std::uint64_t durable_before = 0;
        std::vector<std::size_t> entries; // the stream's, in entries_
        bool is_refused = false;
    };

    Appended& appended(const Stream& stream);
    Result<Outcome> add(const Submission& submission, Appended& to);
    // As it was with so many entries and new channels, of which so many were the stream's.
    void undo(std::size_t entries, std::size_t channels, Appended& to, std::size_t of_stream);
    // Whether those of the submission's numbers that are used hold the same bytes; their verdicts then.
    Result<bool> repeats(const Submission& submission, const Appended& to, std::vector<SequenceVerdict>& verdicts);
    Result<protocol::Verdict> append(const Submission& submission, std::uint64_t sequence, Appended& to);
    Result<bool> is_duplicate(std::uint64_t fingerprint, const std::string& pool, const protocol::U256& hash);
    std::uint32_t channel(const Appended& to, const std::string& channel_id);
    [[nodiscard]] const std::string& pool_of(std::uint32_t channel) const;

    const State& state_;
    const Engine& engine_;
    const FingerprintKey& key_;
    std::vector<LogEntry> entries_;
    std::vector<ChannelRow> new_channels_;
    std::map<std::string, Numbers> new_channel_numbers_; // pool ->
    std::map<std::uint32_t, Appended> streams_;
    std::pmr::monotonic_buffer_resource memory_;                                      // of the next: it goes as a whole
    std::pmr::unordered_multimap<std::uint64_t, std::size_t> fingerprints_{&memory_}; // -> place in entries_
    std::optional<StorageError> damage_;
};

} // namespace storage
