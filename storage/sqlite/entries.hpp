// Log entries <-> rows. The bytes of a record are not stored: its columns encoded again are those bytes.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sqlite/database.hpp"

#include <cstddef>
#include <vector>

namespace storage::sqlite {

class EntryWriter {
  public:
    explicit EntryWriter(Database& database);

    Result<void> insert(const LogEntry& entry);

  private:
    Result<void> insert(const LogEntry& entry, const protocol::Share& share, const protocol::Bytes& extra);
    Result<void> insert(const LogEntry& entry, const protocol::Block& block, const protocol::Bytes& extra);
    Result<void> insert(const LogEntry& entry, const protocol::BatchAcknowledgment& batch,
                        const protocol::Bytes& extra);

    Statement share_;
    Statement block_;
    Statement acknowledgment_;
    Statement refused_;
    Statement fingerprint_;
};

// To be used inside a transaction: an answer takes several statements.
class EntryReader {
  public:
    explicit EntryReader(Database& database);

    // Appends the entries of positions first..last, ascending, at most `limit`.
    Result<void> read(Position first, Position last, std::size_t limit, std::vector<LogEntry>& entries);
    Result<std::vector<LogEntry>> scan(const ShareScan& scan);

  private:
    Statement shares_;
    Statement blocks_;
    Statement acknowledgments_;
    Statement refused_;
    Statement scan_;
};

} // namespace storage::sqlite
