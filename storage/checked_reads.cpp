#include "storage/checked_reads.hpp"

#include "storage/integrity.hpp"

namespace storage {

namespace {

Result<void> check_row(const HourRow& row, const HourScan& scan) {
    const bool is_asked_for = row.subject == scan.subject && row.number == scan.number && row.hour >= scan.first_hour &&
                              row.hour <= scan.last_hour && row.run >= scan.first_run && row.run <= scan.last_run;
    if (is_asked_for) return check(row);
    return std::unexpected(
        StorageError{.kind = StorageError::Kind::corrupt, .detail = "the sums of an hour are not where they belong"});
}

} // namespace

Result<std::vector<LogEntry>> read_slice(const Engine& engine, Position first, Position last) {
    auto entries = engine.read(first, last, entries_at_once);
    if (!entries) return entries;
    Position next = first;
    for (const LogEntry& entry : *entries) {
        if (entry.position < next || entry.position > last) {
            return std::unexpected(corrupt_at(entry.position, "it is not where it belongs"));
        }
        if (const auto fine = check(entry); !fine) return std::unexpected(fine.error());
        next = entry.position + 1;
    }
    return entries;
}

Result<std::vector<LogEntry>> read_whole_slice(const Engine& engine, Position first, Position last) {
    auto entries = read_slice(engine, first, last);
    if (!entries) return entries;
    Position next = first;
    for (const LogEntry& entry : *entries) {
        if (entry.position != next) break;
        ++next;
    }
    if (entries->empty() || next != entries->back().position + 1) {
        return std::unexpected(corrupt_at(next, "it is missing"));
    }
    return entries;
}

Result<std::optional<LogEntry>> read_one(const Engine& engine, Position position) {
    auto entries = read_slice(engine, position, position);
    if (!entries) return std::unexpected(entries.error());
    if (entries->empty()) return std::nullopt;
    return std::move(entries->front());
}

Result<std::vector<LogEntry>> scan_records(const Engine& engine, const RecordScan& scan) {
    auto entries = engine.scan(scan);
    if (!entries) return entries;
    for (const LogEntry& entry : *entries) {
        if (const auto fine = check(entry); !fine) return std::unexpected(fine.error());
        if (entry.channel != scan.channel || !entry.content || kind_of(entry.content->record) != scan.kind) {
            return std::unexpected(corrupt_at(entry.position, "it is no such record of its channel"));
        }
    }
    return entries;
}

Result<std::vector<HourRow>> read_hours_of(const Engine& engine, const HourScan& scan) {
    auto rows = engine.hours(scan);
    if (!rows) return rows;
    for (const HourRow& row : *rows) {
        if (const auto fine = check_row(row, scan); !fine) return std::unexpected(fine.error());
    }
    return rows;
}

} // namespace storage
