// Shares are kept apart by the day of their arrival. What is known of each day leads a question to the days that can
// answer it, or spares it.
#pragma once

#include "storage/engine.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/filter.hpp"
#include "storage/postgres/schema.hpp"
#include "storage/shared_mutex.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

namespace storage::postgres {

// Times of arrival as the columns have them; from the end on nothing.
struct ArrivalRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    [[nodiscard]] bool is_empty() const { return begin >= end; }
};

class Arrivals {
  public:
    // Reads all days, and the fingerprints of their shares. `goes_on` is asked in between, with how far it is.
    Result<void> load(Connection& connection, const std::function<bool(std::string_view)>& goes_on);

    // The writer's. Makes the days' partitions, ahead of the transaction, and of tomorrow.
    Result<void> make_room(Connection& connection, std::span<const LogEntry> entries);
    // After a transaction that failed: what was there for sure may be gone, or not on the server that is the primary
    // now.
    void look_again() { partitions_.clear(); }
    // To be called before a transaction with these is committed: whether it was may then be uncertain.
    void expect(std::span<const LogEntry> entries);
    // What keeps the table of days true, for the same transaction.
    static std::string added(std::span<const LogEntry> entries);
    static std::string removed(std::span<const LogEntry> entries);
    // Drops the partitions of past days that are empty by now. Those in somebody's use wait.
    Result<void> drop_empty(Connection& connection);

    // From any thread: where shares of these positions, or with this fingerprint, can be.
    [[nodiscard]] ArrivalRange range_of(Position first, Position last) const;
    [[nodiscard]] ArrivalRange range_of(std::uint64_t fingerprint) const;

  private:
    struct Known {
        Position first = 0;
        Position last = 0;
        Filter fingerprints;
    };

    static Result<void> load_fingerprints(Connection& connection, Day day, Known& known,
                                          const std::function<bool()>& goes_on);

    mutable SharedMutex mutex_;
    std::map<Day, Known> days_; // with shares
    std::set<Day> partitions_;  // that are there, as far as is known
};

} // namespace storage::postgres
