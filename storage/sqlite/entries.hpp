// Log entries <-> rows. The bytes of a record are not stored: its columns encoded again are those bytes.
#pragma once

#include "protocol/records.hpp"
#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sqlite/database.hpp"

#include <array>
#include <cstddef>
#include <variant>
#include <vector>

namespace storage::sqlite {

// One for each kind of records, in their order in AnyRecord.
using StatementOfKind = std::array<Statement, std::variant_size_v<protocol::AnyRecord>>;

class EntryWriter {
  public:
    explicit EntryWriter(Database& database);

    Result<void> insert(const LogEntry& entry);
    Result<void> remove(const LogEntry& entry);

  private:
    StatementOfKind insert_;
    StatementOfKind remove_;
    Statement insert_refused_;
    Statement remove_refused_;
    Statement insert_fingerprint_;
    Statement remove_fingerprint_;
};

class EntryReader {
  public:
    explicit EntryReader(Database& database);

    // Appends the entries of positions first..last, ascending, at most `limit`. Takes several statements: to be used
    // inside a transaction.
    Result<void> read(Position first, Position last, std::size_t limit, std::vector<LogEntry>& entries);
    Result<std::vector<LogEntry>> scan(const RecordScan& scan);
    Result<bool> has_any(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut);

  private:
    Result<void> read_one(Position position, std::vector<LogEntry>& entries);

    StatementOfKind by_position_;
    StatementOfKind by_time_;
    Statement refused_;
    Statement any_;
};

} // namespace storage::sqlite
