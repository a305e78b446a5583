// Transactions of the log -> transactions of the server, and what becomes of one whose answer is lost.
#pragma once

#include "storage/engine.hpp"
#include "storage/postgres/arrivals.hpp"
#include "storage/postgres/session.hpp"

#include <cstdint>

namespace storage::postgres {

class Writer {
  public:
    Writer(Session& session, Arrivals& arrivals) : session_{session}, arrivals_{arrivals} {}

    Result<void> write(const Transaction& transaction);

  private:
    Result<void> write(Connection& connection, const Transaction& transaction);
    Result<void> advance_head(Connection& connection, const Transaction& transaction);
    Result<void> commit(Connection& connection) const;
    static void roll_back(Connection& connection);
    [[nodiscard]] bool is_replicated() const;
    [[nodiscard]] StorageError why_not(Connection& connection, std::uint64_t term) const;

    Session& session_;
    Arrivals& arrivals_;
};

} // namespace storage::postgres
