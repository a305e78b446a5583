// What the log store holds in memory of the log up to one position: streams, channels and what they add up to. A plain
// value: who may see it when is the log store's business.
#pragma once

#include "storage/engine.hpp"
#include "storage/tally.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace storage {

struct Stream {
    StreamRow row;
    std::uint64_t refused_epoch = 0; // nothing more is taken from this attachment; not in the engine
};

// Of the first record, by position, that told of it.
struct Block {
    protocol::U256 hash;
    Milliseconds time = 0;

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"hash", s.hash}, protocol::Field{"time", s.time}};
    }
    bool operator==(const Block&) const = default;
};

struct Channel {
    ChannelRow row;
    Tally tally;
    std::vector<Block> blocks;
    bool has_changed = false; // since derived state was saved
};

struct Pool {
    std::map<std::string, std::uint32_t, std::less<>> channels; // id -> number
    std::set<std::array<std::uint8_t, 32>> blocks;
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

    // Streams, channels, entries and head of what was written. Numbers of streams and channels run from 1 without gaps,
    // or it is `corrupt` and nothing has changed.
    Result<void> apply(const Transaction& written);

    void refuse(std::uint32_t stream, std::uint64_t epoch);

    // Derived state: what has changed since it was saved last, and then that it has been.
    [[nodiscard]] std::vector<KeyValue> unsaved() const;
    void mark_saved();
    [[nodiscard]] Position saved_position() const { return saved_position_; }
    // The state as saved, at a position up to `last`; false, with nothing changed, if it is not of this form or not
    // whole. Then the log has to tell.
    bool restore(const std::vector<KeyValue>& saved, Position last);

  private:
    void count(const LogEntry& entry);

    Head head_;
    std::vector<Stream> streams_; // by number - 1
    std::map<StreamName, std::uint32_t> stream_names_;
    std::vector<Channel> channels_;
    std::map<std::string, Pool, std::less<>> pools_;
    Position saved_position_ = 0;
};

} // namespace storage
