// The engine's questions, asked of one snapshot.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/keyed/key_values.hpp"
#include "storage/keyed/keys.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace storage::keyed {

class Reader {
  public:
    // Questions end with `unavailable` when `interruptions` is no longer what it was here.
    Reader(Snapshot& snapshot, const std::atomic<std::uint64_t>& interruptions)
        : snapshot_{snapshot},
          interruptions_{interruptions},
          before_{interruptions} {}

    Result<Contents> contents();
    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit);
    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last);
    Result<std::vector<LogEntry>> scan(const RecordScan& scan);
    Result<std::vector<HourRow>> hours(const HourScan& scan);
    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut);
    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut);

    // The keys of Table::rows that begin with this.
    Result<std::vector<protocol::Bytes>> row_keys(protocol::ByteView prefix);
    // Keys of the stretches of a stream that end at `last` or before it.
    Result<std::vector<protocol::Bytes>> stretches_up_to(std::uint32_t stream, std::uint64_t last);

  private:
    // `use`, of a cursor, for each key from `first` to the last that begins with `prefix`, until it says no.
    template <class Use>
    Result<void> for_each(Table table, protocol::ByteView first, protocol::ByteView prefix, Use use);
    template <class Row, class Read> Result<std::vector<Row>> all(RowKind kind, Read read);
    Result<std::vector<Position>> positions_in_time(const RecordScan& scan);
    Result<void> append(Position first, Position last, std::size_t limit, std::vector<LogEntry>& to);
    [[nodiscard]] Result<void> go_on() const;

    Snapshot& snapshot_;
    const std::atomic<std::uint64_t>& interruptions_;
    std::uint64_t before_;
};

} // namespace storage::keyed
