// What a mock pool has sent and what it was told, in a file that outlives the process (not the machine: nothing is
// synced). An entry that a killed process left half written is cut off by the next life.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/storage_messages.hpp"
#include "protocol/writer.hpp"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>

namespace mock_pool {

// A life of the pool begins, on a stream of its own.
struct LifeBegan {
    std::uint64_t stream_id = 0;

    static constexpr auto fields(auto& s) { return protocol::in_order(protocol::Field{"stream_id", s.stream_id}); }
    bool operator==(const LifeBegan&) const = default;
};
// The stream's records after the last acknowledged one are now those of another stream, from number 1 on.
struct StreamReplaced {
    std::uint64_t stream_id = 0;

    static constexpr auto fields(auto& s) { return protocol::in_order(protocol::Field{"stream_id", s.stream_id}); }
    bool operator==(const StreamReplaced&) const = default;
};
// The store that a session was opened with.
struct StoreMet {
    std::uint64_t dataset_id = 0;
    std::uint32_t generation = 0;
    std::uint8_t durability = 0;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"dataset_id", s.dataset_id},
                                  protocol::Field{"generation", s.generation},
                                  protocol::Field{"durability", s.durability});
    }
    bool operator==(const StoreMet&) const = default;
};
// About to be sent on the current stream.
struct RecordSent {
    std::uint64_t sequence = 0;
    bool is_duplicate = false; // expects the verdict duplicate-share
    protocol::B0_16M bytes;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"sequence", s.sequence},
                                  protocol::Field{"is_duplicate", s.is_duplicate}, protocol::Field{"bytes", s.bytes});
    }
    bool operator==(const RecordSent&) const = default;
};
// Stands before the acknowledgment that it came with.
struct VerdictGiven {
    protocol::VerdictEntry entry;

    static constexpr auto fields(auto& s) { return protocol::in_order(protocol::Field{"entry", s.entry}); }
    bool operator==(const VerdictGiven&) const = default;
};
struct RecordsAcknowledged {
    std::uint64_t durable_sequence = 0;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"durable_sequence", s.durable_sequence});
    }
    bool operator==(const RecordsAcknowledged&) const = default;
};
// The place in this list is stored: entries are appended to it, never taken out.
using JournalEntry = std::variant<LifeBegan, StreamReplaced, StoreMet, RecordSent, VerdictGiven, RecordsAcknowledged>;

// Throws std::system_error when the file cannot be written.
class Journal {
  public:
    using Error = std::string; // for the operator to read

    // Opens or makes the file, shows `visit` what it holds, and locks it against a second pool.
    static std::expected<Journal, Error> open(const std::filesystem::path& file,
                                              const std::function<void(const JournalEntry&)>& visit);
    // A file without a name, gone with the process.
    static Journal temporary();

    Journal(Journal&& other) noexcept;
    Journal& operator=(Journal&&) = delete;
    ~Journal();

    // Given to the kernel on return of flush().
    void append(const JournalEntry& entry);
    void flush();

  private:
    explicit Journal(int file) : file_{file} {}

    int file_;
    protocol::Writer pending_;
};

} // namespace mock_pool
