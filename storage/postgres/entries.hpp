// Log entries <-> rows.
#pragma once

#include "storage/engine.hpp"
#include "storage/postgres/arrivals.hpp"
#include "storage/postgres/connection.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace storage::postgres {

// Statements, and what is to be fed to those that are COPY, which comes behind what is there.
std::string inserted(std::span<const LogEntry> entries, std::vector<protocol::Bytes>& copies);
std::string removed(std::span<const LogEntry> entries);

// Questions, and entries out of their answers. `range` is where the shares in question have arrived.
std::vector<Question> by_position(Position first, Position last, std::size_t limit, const ArrivalRange& range);
Result<void> merge(std::span<Rows> answers, std::size_t limit, std::vector<LogEntry>& entries);

std::vector<Question> by_time(const RecordScan& scan); // none for a kind that is reserved
Result<std::vector<LogEntry>> entries_of(protocol::RecordKind kind, Rows& answer);

Question any_in_time(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut);

} // namespace storage::postgres
