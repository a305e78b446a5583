// The entries of a log in memory, by position. They lie in blocks of neighbours, each with their bytes behind each
// other: allocations for each entry would take a fifth more memory for a share.
#pragma once

#include "storage/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace storage {

class Rows {
  public:
    // Its position must not be there. Meant for positions above all that are: one below all takes a block.
    void insert(const LogEntry& entry);
    // Nothing happens if it is not there.
    void remove(Position position);

    [[nodiscard]] std::optional<LogEntry> find(Position position) const;
    // Those of positions first..last, ascending, at most `limit`.
    [[nodiscard]] std::vector<LogEntry> read(Position first, Position last, std::size_t limit) const;
    // Bytes of memory that the entries take.
    [[nodiscard]] std::size_t room() const;

  private:
    // An entry, but its content, which is read from its bytes again when asked for.
    struct Row {
        Position position = 0;
        std::uint64_t sequence = 0;
        Milliseconds received_at = 0;
        std::uint64_t checksum = 0;
        Milliseconds time = 0;
        std::optional<std::uint64_t> fingerprint;
        std::uint32_t stream = 0;
        std::uint32_t channel = 0;
        std::uint32_t begin = 0; // of its bytes in the block's
        std::uint32_t size = 0;
        protocol::Verdict verdict{};
    };
    struct Block {
        std::vector<Row> rows; // ascending
        protocol::Bytes bytes; // of rows that are gone, too
        std::size_t used = 0;  // bytes of rows that are there

        [[nodiscard]] bool is_full() const;
        [[nodiscard]] LogEntry entry(const Row& row) const;
        [[nodiscard]] std::size_t room() const;
        // The room of rows that are gone, once it is more than half of all.
        void give_back();
    };
    using Blocks = std::map<Position, Block>; // by the position of the first row that each began with

    // To put a row at `position` into.
    [[nodiscard]] Block& block_for(Position position);

    Blocks blocks_;
};

} // namespace storage
