#include "storage/postgres/arrivals.hpp"

#include "storage/sql/columns.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

namespace storage::postgres {

namespace {

using sql::join;

constexpr std::int64_t fingerprints_at_once = 100'000;

const std::string all_days = "SELECT day, first_position, last_position, rows FROM days ORDER BY day DESC";
const std::string fingerprints_of_day =
    "SELECT position, fingerprint FROM shares WHERE received_at >= $1 AND received_at < $2 AND position > $3 AND "
    "fingerprint IS NOT NULL ORDER BY position LIMIT $4";

ArrivalRange range_of_day(Day day) {
    if (day == no_day)
        return {.begin = std::numeric_limits<std::int64_t>::min(), .end = std::numeric_limits<std::int64_t>::max()};
    return {.begin = day * day_length, .end = (day + 1) * day_length};
}

// Over both, and what lies between.
ArrivalRange around(const ArrivalRange& one, const ArrivalRange& other) {
    if (one.is_empty()) return other;
    return {.begin = std::min(one.begin, other.begin), .end = std::max(one.end, other.end)};
}

struct Part {
    Position first = 0;
    Position last = 0;
    std::vector<Position> positions;
};

// Shares alone, ascending as they are.
std::map<Day, Part> by_day(std::span<const LogEntry> entries) {
    std::map<Day, Part> days;
    for (const LogEntry& entry : entries) {
        if (share_of(entry) == nullptr) continue;
        Part& part = days[day_of(entry.received_at)];
        if (part.positions.empty()) part.first = entry.position;
        part.last = entry.position;
        part.positions.push_back(entry.position);
    }
    return days;
}

// False if it could not be done now, most likely since somebody's lock is in the way: nobody waits for that.
Result<bool> unless_locked(Connection& connection, const std::string& sql) {
    const auto done = connection.execute(join({"BEGIN; SET LOCAL lock_timeout = '100ms'; ", sql, "; COMMIT"}));
    if (done) return true;
    if (connection.is_lost()) return std::unexpected(done.error());
    if (const auto back = connection.execute("ROLLBACK"); !back) return std::unexpected(back.error());
    return false;
}

StorageError given_up() {
    return {.kind = StorageError::Kind::unavailable, .detail = "opening was given up"};
}

} // namespace

Result<void> Arrivals::load(Connection& connection, const std::function<bool(std::string_view)>& goes_on) {
    auto rows = connection.ask(std::vector{Question{.sql = all_days, .values = {}}});
    if (!rows) return std::unexpected(rows.error());
    std::map<Day, Known> days;
    std::vector<std::pair<Day, std::uint64_t>> counts;
    for (Rows& row = rows->front(); row.next();) {
        const Day day = static_cast<Day>(row.integer(0));
        days[day] = {.first = row.integer(1), .last = row.integer(2), .fingerprints = {}};
        counts.emplace_back(day, row.integer(3));
    }
    std::size_t done = 0;
    for (const auto& [day, count] : counts) {
        const std::string why = join(
            {"reading what tells duplicates, of day ", std::to_string(++done), " of ", std::to_string(counts.size())});
        Known& known = days[day];
        known.fingerprints.reserve(count);
        const auto read = load_fingerprints(connection, day, known, [&] { return goes_on(why); });
        if (!read) return read;
    }
    const std::unique_lock lock{mutex_};
    days_ = std::move(days);
    return {};
}

Result<void> Arrivals::load_fingerprints(Connection& connection, Day day, Known& known,
                                         const std::function<bool()>& goes_on) {
    const ArrivalRange range = range_of_day(day);
    std::int64_t behind = 0;
    for (std::int64_t count = fingerprints_at_once; count == fingerprints_at_once;) {
        if (!goes_on()) return std::unexpected(given_up());
        auto rows = connection.ask(std::vector{
            Question{.sql = fingerprints_of_day, .values = {range.begin, range.end, behind, fingerprints_at_once}}});
        if (!rows) return std::unexpected(rows.error());
        count = 0;
        for (Rows& row = rows->front(); row.next(); ++count) {
            behind = static_cast<std::int64_t>(row.integer(0));
            known.fingerprints.add(row.integer(1));
        }
    }
    return {};
}

Result<void> Arrivals::make_room(Connection& connection, std::span<const LogEntry> entries) {
    std::set<Day> wanted;
    for (const auto& [day, part] : by_day(entries)) wanted.insert(day);
    wanted.erase(no_day);
    if (wanted.empty()) return {};
    const Day ahead = *wanted.rbegin() + 1; // so that no share of tomorrow waits for it
    const bool is_latest = days_.empty() || days_.rbegin()->first < ahead;
    if (is_latest && day_of(static_cast<Milliseconds>(ahead * day_length)) != no_day) wanted.insert(ahead);
    for (const Day day : wanted) {
        if (partitions_.contains(day)) continue;
        const std::string name = partition_of(day);
        auto there = connection.execute(join({"SELECT to_regclass('", name, "') IS NOT NULL"}));
        if (!there) return std::unexpected(there.error());
        if (there->next() && there->text(0) == "f") {
            if (day == ahead) {
                const auto made = unless_locked(connection, partition(day));
                if (!made) return std::unexpected(made.error());
                if (!*made) continue; // the next commit tries again
            } else if (const auto made = connection.execute(partition(day)); !made) {
                return std::unexpected(made.error());
            }
        }
        partitions_.insert(day);
    }
    return {};
}

void Arrivals::expect(std::span<const LogEntry> entries) {
    const std::unique_lock lock{mutex_};
    for (const auto& [day, part] : by_day(entries)) {
        const auto [known, is_new] = days_.try_emplace(day);
        known->second.first = is_new ? part.first : std::min(known->second.first, part.first);
        known->second.last = std::max(known->second.last, part.last);
    }
    for (const LogEntry& entry : entries)
        if (entry.fingerprint) days_[day_of(entry.received_at)].fingerprints.add(*entry.fingerprint);
}

std::string Arrivals::added(std::span<const LogEntry> entries) {
    constexpr std::string_view or_more = ") ON CONFLICT (day) DO UPDATE SET "
                                         "first_position = least(days.first_position, excluded.first_position), "
                                         "last_position = greatest(days.last_position, excluded.last_position), "
                                         "rows = days.rows + excluded.rows; ";
    std::string sql;
    for (const auto& [day, part] : by_day(entries))
        sql.append(join({"INSERT INTO days VALUES (", std::to_string(day), ", ", std::to_string(part.first), ", ",
                         std::to_string(part.last), ", ", std::to_string(part.positions.size()), or_more}));
    return sql;
}

// What is gone is what the server has deleted: a partition is dropped on the word of this count.
std::string Arrivals::removed(std::span<const LogEntry> entries) {
    std::string sql;
    for (const auto& [day, part] : by_day(entries)) {
        const ArrivalRange range = range_of_day(day);
        sql.append(join({"WITH gone AS (DELETE FROM shares WHERE received_at >= ", std::to_string(range.begin),
                         " AND received_at < ", std::to_string(range.end), " AND position IN ("}));
        for (const Position position : part.positions) sql.append(std::to_string(position)).append(",");
        sql.back() = ')';
        sql.append(" RETURNING 1) UPDATE days SET rows = rows - (SELECT count(*) FROM gone) WHERE day = ");
        sql.append(std::to_string(day)).append("; ");
    }
    return sql;
}

Result<void> Arrivals::drop_empty(Connection& connection) {
    auto empty = connection.execute("SELECT day FROM days WHERE rows = 0 AND day >= 0 AND "
                                    "day < (SELECT max(day) FROM days)");
    if (!empty) return std::unexpected(empty.error());
    while (empty->next()) {
        const Day day = std::stoll(std::string{empty->text(0)});
        partitions_.erase(day); // whatever the answer will be, or if there is none
        const auto dropped = unless_locked(connection, join({"DROP TABLE ", partition_of(day),
                                                             "; DELETE FROM days WHERE day = ", std::to_string(day)}));
        if (!dropped) return std::unexpected(dropped.error());
        if (!*dropped) continue;
        const std::unique_lock lock{mutex_};
        days_.erase(day);
    }
    return {};
}

ArrivalRange Arrivals::range_of(Position first, Position last) const {
    const std::shared_lock lock{mutex_};
    ArrivalRange range;
    for (const auto& [day, known] : days_)
        if (known.first <= last && known.last >= first) range = around(range, range_of_day(day));
    return range;
}

ArrivalRange Arrivals::range_of(std::uint64_t fingerprint) const {
    const std::shared_lock lock{mutex_};
    ArrivalRange range;
    for (const auto& [day, known] : days_)
        if (known.fingerprints.may_hold(fingerprint)) range = around(range, range_of_day(day));
    return range;
}

} // namespace storage::postgres
