#include "storage/sqlite/runs.hpp"

#include "storage/sqlite/columns.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace storage::sqlite {

namespace {

constexpr std::string_view run_columns = "last_position, first_position, chain, first_received, last_received";

// In the order in which they are written and read.
std::string hour_columns() {
    return join({"subject, number, hour, run, checksum, ", names_of<Tally>()});
}

std::string insert_hour() {
    const std::string columns = hour_columns();
    std::string sql = join({"INSERT INTO hours (", columns, ") VALUES (?"});
    for (auto commas = std::ranges::count(columns, ','); commas > 0; --commas) sql += ", ?";
    return sql += ")";
}

} // namespace

RunWriter::RunWriter(Database& database)
    : insert_{database, join({"INSERT INTO runs (", run_columns, ") VALUES (?, ?, ?, ?, ?)"})},
      insert_hour_{database, insert_hour()},
      remove_{database, "DELETE FROM runs WHERE last_position = ?"},
      remove_hours_{database, "DELETE FROM hours WHERE run = ?"} {}

Result<void> RunWriter::insert(const Run& run) {
    return insert_.execute(run.last, run.first, run.chain, run.first_received, run.last_received);
}

Result<void> RunWriter::insert(const HourRow& row) {
    return columns_of(row.tally)([&](const auto&... field) {
        return insert_hour_.execute(std::to_underlying(row.subject), row.number, row.hour, row.run, row.checksum,
                                    stored(field)...);
    });
}

Result<void> RunWriter::remove(Position run) {
    if (auto done = remove_hours_.execute(run); !done) return done;
    return remove_.execute(run);
}

RunReader::RunReader(Database& database)
    : all_{database, join({"SELECT ", run_columns, " FROM runs ORDER BY last_position"})},
      hours_{database, join({"SELECT ", hour_columns(),
                             " FROM hours WHERE subject = ?1 AND number = ?2 AND hour BETWEEN ?3 AND ?4 AND "
                             "run BETWEEN ?5 AND ?6 ORDER BY hour, run"})} {}

Result<std::vector<Run>> RunReader::all() {
    std::vector<Run> runs;
    bool is_damaged = false;
    auto done = for_each_row(all_.run(), [&](const Rows& row) {
        Columns columns{row};
        Run& run = runs.emplace_back();
        run.last = columns.integer();
        run.first = columns.integer();
        columns.bytes(run.chain);
        run.first_received = columns.integer();
        run.last_received = columns.integer();
        is_damaged = is_damaged || columns.is_damaged();
    });
    if (!done) return std::unexpected(done.error());
    if (is_damaged)
        return std::unexpected(
            StorageError{.kind = StorageError::Kind::corrupt, .detail = "a run has no whole link of the chain"});
    return runs;
}

Result<std::vector<HourRow>> RunReader::hours(const HourScan& scan) {
    std::vector<HourRow> hours;
    auto done = for_each_row(hours_.run(std::to_underlying(scan.subject), scan.number, scan.first_hour, scan.last_hour,
                                        bound(scan.first_run), bound(scan.last_run)),
                             [&](const Rows& row) {
                                 Columns columns{row};
                                 HourRow& hour = hours.emplace_back();
                                 hour.subject = static_cast<protocol::Subject>(columns.integer<std::uint8_t>());
                                 hour.number = columns.integer<std::uint32_t>();
                                 hour.hour = columns.integer<std::uint32_t>();
                                 hour.run = columns.integer();
                                 hour.checksum = columns.integer();
                                 columns.fields(hour.tally);
                             });
    if (!done) return std::unexpected(done.error());
    return hours;
}

} // namespace storage::sqlite
