// What the log store holds in memory of the log up to one position: streams, channels, users, and what they add up to.
// A plain value: who may see it when is the log store's business.
#pragma once

#include "storage/engine.hpp"
#include "storage/open_run.hpp"
#include "storage/pool_blocks.hpp"
#include "storage/snapshot.hpp"
#include "storage/tally.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace storage {

struct Stream {
    StreamRow row;
    std::uint64_t refused_epoch = 0; // nothing more is taken from this attachment; not in the engine
};

struct Channel {
    ChannelRow row;
    std::size_t pool_place = 0; // among the state's
    Tally tally;
    std::optional<KnownReport> report;
    bool has_changed = false; // since derived state was saved
};

struct Pool {
    std::map<std::string, std::uint32_t, std::less<>> channels; // id -> number; its own has an empty id
    std::map<std::string, std::uint32_t, std::less<>> users;    // identity -> number
    PoolBlocks blocks;
};

// To be filled with what comes behind `head`, which it leaves as it is.
Transaction behind(const Head& head);

class State {
  public:
    [[nodiscard]] const Head& head() const { return head_; }

    // Nothing for a number or a name that is not known.
    [[nodiscard]] const Stream* stream(std::uint32_t number) const;
    [[nodiscard]] const Stream* stream(const StreamName& name) const;
    [[nodiscard]] const std::map<StreamName, std::uint32_t>& stream_names() const { return stream_names_; }

    [[nodiscard]] const Channel* channel(std::uint32_t number) const;
    [[nodiscard]] const Channel* channel(std::string_view pool, std::string_view channel_id) const;
    [[nodiscard]] const std::vector<Channel>& channels() const { return channels_; } // by number - 1
    [[nodiscard]] const Pool* pool(std::string_view name) const;
    // 0 for an entry that is no share, or of no user.
    [[nodiscard]] std::uint32_t user_of(const LogEntry& entry) const;

    // Closed, by Run::last.
    [[nodiscard]] const std::map<Position, Run>& runs() const { return runs_; }
    // Where the last of them ends. The tail is what lies behind.
    [[nodiscard]] Position saved_position() const { return runs_.empty() ? 0 : runs_.rbegin()->first; }
    [[nodiscard]] const OpenRun& tail() const { return tail_; }
    // What the entry adds up to by itself. It must have been counted.
    [[nodiscard]] Tally tally_of(const LogEntry& entry) const;

    // All that was written, but what it removed. Numbers of streams, channels and users run from 1 without gaps, or it
    // is `corrupt` and nothing has changed.
    Result<void> apply(const Transaction& written);

    void refuse(std::uint32_t stream, std::uint64_t epoch);
    // Refused attachments are not in the log.
    void take_refusals(const State& from);

    // Puts the state as it is now into what is to be written behind it: the tail becomes a run.
    void save(Transaction& transaction) const;
    [[nodiscard]] bool has_unsaved() const;

    // Building it anew, behind the rows of streams, channels, users and runs, which have been applied.
    // The state as saved; false, with nothing changed, if it is not that of the end of the runs, or not whole.
    bool restore(const std::vector<KeyValue>& saved);
    // Without: what the removed runs left of each channel, then the records that outlived them, then the head there.
    void recall(std::uint32_t channel, const Tally& sums);
    void recall(const LogEntry& outlived, const protocol::Totals& derived_before);
    void go_on_from(Position position, const ChainLink& chain);

  private:
    // Of the entry's channel.
    [[nodiscard]] const Pool& pool_of(const LogEntry& entry) const {
        return pools_[channels_[entry.channel - 1].pool_place];
    }
    [[nodiscard]] Pool& pool_of(const LogEntry& entry) { return pools_[channels_[entry.channel - 1].pool_place]; }

    void put_rows(const Transaction& written);
    // Of the pool, which is made if it is not known.
    std::size_t place_of_pool(const std::string& name);
    void count(const LogEntry& entry);
    // The number of the entry's user, who may be new; 0 for none.
    std::uint32_t note_user(const LogEntry& entry);
    void note_block(const LogEntry& entry);
    void note_report(const LogEntry& entry, const protocol::Totals& derived_before);

    Head head_;
    std::vector<Stream> streams_; // by number - 1
    std::map<StreamName, std::uint32_t> stream_names_;
    std::vector<Channel> channels_;
    std::vector<UserRow> users_;
    std::size_t written_users_ = 0; // the others belong to the tail
    std::vector<Pool> pools_;
    std::map<std::string, std::size_t, std::less<>> pool_names_; // -> place in pools_
    std::map<Position, Run> runs_;
    OpenRun tail_;
};

} // namespace storage
