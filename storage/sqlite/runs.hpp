// Runs and the hours of their records <-> rows.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sqlite/database.hpp"

#include <vector>

namespace storage::sqlite {

class RunWriter {
  public:
    explicit RunWriter(Database& database);

    Result<void> insert(const Run& run);
    Result<void> insert(const HourRow& row);
    // With its hours.
    Result<void> remove(Position run);

  private:
    Statement insert_;
    Statement insert_hour_;
    Statement remove_;
    Statement remove_hours_;
};

class RunReader {
  public:
    explicit RunReader(Database& database);

    Result<std::vector<Run>> all();
    Result<std::vector<HourRow>> hours(const HourScan& scan);

  private:
    Statement all_;
    Statement hours_;
};

} // namespace storage::sqlite
