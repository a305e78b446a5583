// The log in memory: gone with the process, a new data set each time.
#pragma once

#include "storage/engine.hpp"
#include "storage/memory/rows.hpp"
#include "storage/shared_mutex.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace storage {

class MemoryEngine : public Engine {
  public:
    MemoryEngine();

    [[nodiscard]] std::string_view name() const override { return "memory"; }
    [[nodiscard]] protocol::Durability durability() const override { return protocol::Durability::is_volatile; }

    Result<Contents> load() override;
    Result<void> write(const Transaction& transaction) override;

    [[nodiscard]] Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) const override;
    [[nodiscard]] Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                                            std::uint64_t last) const override;
    [[nodiscard]] Result<std::vector<LogEntry>> scan(const RecordScan& scan) const override;
    [[nodiscard]] Result<std::vector<HourRow>> hours(const HourScan& scan) const override;
    [[nodiscard]] Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                           Position cut) const override;
    [[nodiscard]] Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const override;

    void interrupt() override {} // no call takes long
    Result<void> close() override { return {}; }

  private:
    // Of the numbers that are not removed.
    struct StreamPositions {
        std::uint64_t first = 1;
        std::deque<Position> positions; // by sequence - first
    };
    using ByTime = std::set<std::pair<Milliseconds, Position>>;
    using ByKind = std::map<protocol::RecordKind, ByTime>;
    using HourName = std::tuple<protocol::Subject, std::uint32_t, std::uint32_t, Position>; // .., number, hour, run

    void append(const LogEntry& entry);
    void remove(const LogEntry& entry);
    void put(const StreamRow& row);

    mutable SharedMutex mutex_;
    const DataSet data_set_;
    std::array<std::uint8_t, 16> fingerprint_key_{};
    Head head_;
    Rows log_;
    std::map<std::uint32_t, StreamRow> streams_;
    std::map<std::uint32_t, ChannelRow> channel_rows_;
    std::map<std::uint32_t, UserRow> users_;
    std::map<Position, Run> runs_; // by Run::last
    std::map<HourName, HourRow> hours_;
    std::map<std::string, protocol::Bytes> derived_;
    std::unordered_map<std::uint32_t, StreamPositions> stream_positions_;
    std::unordered_map<std::uint32_t, ByKind> channels_;
    std::unordered_multimap<std::uint64_t, Position> fingerprints_;
};

} // namespace storage
