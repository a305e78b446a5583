#include "storage/postgres/reader.hpp"

#include "storage/postgres/entries.hpp"
#include "storage/sql/entry_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace storage::postgres {

namespace {

using sql::bound;
using sql::Columns;
using sql::join;

const std::string of_data_set = "SELECT id, generation, fingerprint_key FROM data_set";
const std::string of_head = "SELECT term, position, chain, removed, removed_chain FROM head";
const std::string of_streams = "SELECT number, identity, stream_id, pool, epoch, durable_sequence, removed_sequence "
                               "FROM streams ORDER BY number";
const std::string of_channels = "SELECT number, pool, channel_id FROM channels ORDER BY number";
const std::string of_users = "SELECT number, pool, user_identity FROM users ORDER BY number";
const std::string of_derived = "SELECT key, value FROM derived ORDER BY key";
const std::string of_runs = "SELECT last_position, first_position, chain, first_received, last_received FROM runs "
                            "ORDER BY last_position";
// From the stretch that holds $2, or the first one after it.
const std::string of_stretches =
    "SELECT first_sequence, first_position, count FROM stretches WHERE stream = $1 AND "
    "first_sequence >= coalesce((SELECT max(first_sequence) FROM stretches WHERE stream = $1 AND "
    "first_sequence <= $2), $2) AND first_sequence <= $3 ORDER BY first_sequence";
const std::string of_fingerprint =
    "SELECT position FROM shares WHERE fingerprint = $1 AND position <= $2 AND received_at >= $3 AND "
    "received_at < $4 ORDER BY position";
const std::string of_hours =
    join({"SELECT subject, number, hour, run, checksum, ", sql::names_of<Tally>(),
          " FROM hours WHERE subject = $1::int8::int2 AND number = $2 AND hour >= $3 AND hour <= $4 AND run >= $5 AND "
          "run <= $6 ORDER BY hour, run"});

std::unexpected<StorageError> damaged(std::string_view what) {
    return std::unexpected(
        StorageError{.kind = StorageError::Kind::corrupt, .detail = join({"the store has no whole ", what})});
}

bool read_data_set(Rows& row, Contents& contents) {
    if (!row.next()) return false;
    Columns columns{row};
    contents.data_set.id = columns.integer();
    contents.data_set.generation = columns.integer<std::uint32_t>();
    columns.bytes(contents.fingerprint_key);
    return !columns.is_damaged();
}

bool read_head(Rows& row, Head& head) {
    if (!row.next()) return false;
    Columns columns{row};
    head.term = columns.integer();
    head.position = columns.integer();
    columns.bytes(head.chain);
    head.removed = columns.integer();
    columns.bytes(head.removed_chain);
    return !columns.is_damaged();
}

void read_streams(Rows& row, std::vector<StreamRow>& streams) {
    while (row.next()) {
        Columns columns{row};
        StreamRow& stream = streams.emplace_back();
        stream.number = columns.integer<std::uint32_t>();
        stream.name.identity = columns.text();
        stream.name.stream_id = columns.integer();
        stream.pool = columns.text();
        stream.epoch = columns.integer();
        stream.durable_sequence = columns.integer();
        stream.removed_sequence = columns.integer();
    }
}

void read_names(Rows& channels, Rows& users, Rows& derived, Contents& contents) {
    while (channels.next()) {
        Columns columns{channels};
        ChannelRow& channel = contents.channels.emplace_back();
        channel.number = columns.integer<std::uint32_t>();
        channel.pool = columns.text();
        channel.channel_id = columns.text();
    }
    while (users.next()) {
        Columns columns{users};
        UserRow& user = contents.users.emplace_back();
        user.number = columns.integer<std::uint32_t>();
        user.pool = columns.text();
        user.user_identity = columns.text();
    }
    while (derived.next()) {
        Columns columns{derived};
        KeyValue& pair = contents.derived.emplace_back();
        pair.key = columns.bytes();
        pair.value = columns.bytes();
    }
}

bool read_runs(Rows& row, std::vector<Run>& runs) {
    bool is_damaged = false;
    while (row.next()) {
        Columns columns{row};
        Run& run = runs.emplace_back();
        run.last = columns.integer();
        run.first = columns.integer();
        columns.bytes(run.chain);
        run.first_received = columns.integer();
        run.last_received = columns.integer();
        is_damaged = is_damaged || columns.is_damaged();
    }
    return !is_damaged;
}

} // namespace

Result<Contents> contents(Connection& connection) {
    auto answers = connection.ask(std::vector<Question>{{.sql = of_data_set, .values = {}},
                                                        {.sql = of_head, .values = {}},
                                                        {.sql = of_streams, .values = {}},
                                                        {.sql = of_channels, .values = {}},
                                                        {.sql = of_users, .values = {}},
                                                        {.sql = of_derived, .values = {}},
                                                        {.sql = of_runs, .values = {}}});
    if (!answers) return std::unexpected(answers.error());
    auto& rows = *answers;
    Contents contents;
    if (!read_data_set(rows[0], contents)) return damaged("data_set");
    if (!read_head(rows[1], contents.head)) return damaged("head");
    read_streams(rows[2], contents.streams);
    read_names(rows[3], rows[4], rows[5], contents);
    if (!read_runs(rows[6], contents.runs)) return damaged("link of the chain in a run");
    return contents;
}

Readers::Readers(const Session& session, FaultHook faults, const Arrivals& arrivals)
    : session_{session},
      target_{session.target()},
      schema_{session.schema()},
      faults_{std::move(faults)},
      arrivals_{arrivals} {}

Result<std::vector<LogEntry>> Readers::read(Position first, Position last, std::size_t limit) {
    auto answers = ask(by_position(first, last, limit, arrivals_.range_of(first, last)));
    if (!answers) return std::unexpected(answers.error());
    std::vector<LogEntry> entries;
    if (const auto done = merge(*answers, limit, entries); !done) return std::unexpected(done.error());
    return entries;
}

Result<std::vector<LogEntry>> Readers::read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last) {
    auto stretches = ask(std::vector{Question{.sql = of_stretches, .values = {stream, bound(first), bound(last)}}});
    if (!stretches) return std::unexpected(stretches.error());
    std::vector<LogEntry> entries;
    for (Rows& row = stretches->front(); row.next();) {
        const std::uint64_t first_sequence = row.integer(0);
        const std::uint64_t from = std::max(first, first_sequence);
        const std::uint64_t to = std::min(last, first_sequence + row.integer(2) - 1);
        if (from > to) continue; // the stretch before `first` may end before it
        const Position start = row.integer(1) + (from - first_sequence);
        const Position end = start + (to - from);
        auto answers = ask(by_position(start, end, to - from + 1, arrivals_.range_of(start, end)));
        if (!answers) return std::unexpected(answers.error());
        if (const auto done = merge(*answers, to - from + 1, entries); !done) return std::unexpected(done.error());
    }
    return entries;
}

Result<std::vector<LogEntry>> Readers::scan(const RecordScan& scan) {
    const auto questions = by_time(scan);
    if (questions.empty()) return std::vector<LogEntry>{}; // reserved: there are none
    auto answers = ask(questions);
    if (!answers) return std::unexpected(answers.error());
    return entries_of(scan.kind, answers->front());
}

Result<std::vector<HourRow>> Readers::hours(const HourScan& scan) {
    auto answers = ask(std::vector{Question{.sql = of_hours,
                                            .values = {std::to_underlying(scan.subject), scan.number, scan.first_hour,
                                                       scan.last_hour, bound(scan.first_run), bound(scan.last_run)}}});
    if (!answers) return std::unexpected(answers.error());
    std::vector<HourRow> hours;
    for (Rows& row = answers->front(); row.next();) {
        Columns columns{row};
        HourRow& hour = hours.emplace_back();
        hour.subject = static_cast<protocol::Subject>(columns.integer<std::uint8_t>());
        hour.number = columns.integer<std::uint32_t>();
        hour.hour = columns.integer<std::uint32_t>();
        hour.run = columns.integer();
        hour.checksum = columns.integer();
        columns.fields(hour.tally);
    }
    return hours;
}

Result<bool> Readers::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                  Position cut) {
    auto answers = ask(std::vector{any_in_time(channel, first_time, last_time, cut)});
    if (!answers) return std::unexpected(answers.error());
    Rows& row = answers->front();
    return row.next() && row.integer(0) != 0;
}

// For nearly every share that is new, no day can have it, and the server is not asked.
Result<std::vector<Position>> Readers::find(std::uint64_t fingerprint, Position cut) {
    std::vector<Position> positions;
    const ArrivalRange range = arrivals_.range_of(fingerprint);
    if (range.is_empty()) return positions;
    auto answers = ask(
        std::vector{Question{.sql = of_fingerprint,
                             .values = {static_cast<std::int64_t>(fingerprint), bound(cut), range.begin, range.end}}});
    if (!answers) return std::unexpected(answers.error());
    for (Rows& row = answers->front(); row.next();) positions.push_back(row.integer(0));
    return positions;
}

void Readers::interrupt() {
    for (Line& line : lines_) line.alarm.ring();
}

void Readers::close() {
    for (Line& line : lines_) line.connection.reset();
}

Result<std::vector<Rows>> Readers::ask(std::span<const Question> questions) {
    Line& line = take();
    auto answers = ask(line, questions);
    give_back(line);
    return answers;
}

Result<std::vector<Rows>> Readers::ask(Line& line, std::span<const Question> questions) {
    const Alarm::Call call{line.alarm};
    const bool is_old = line.connection && !line.connection->is_lost() && line.generation == session_.generation();
    if (!is_old)
        if (const auto made = connect(line); !made) return std::unexpected(made.error());
    auto answers = line.connection->ask(questions);
    if (answers || !is_old || answers.error().kind != StorageError::Kind::unavailable) return answers;
    // The server may have ended it since: a restart, or another primary.
    if (const auto made = connect(line); !made) return std::unexpected(made.error());
    return line.connection->ask(questions);
}

Result<void> Readers::connect(Line& line) {
    const std::uint64_t generation = session_.generation();
    auto connection = Connection::open(target_, line.alarm, faults_, [] { return true; });
    if (!connection) // a limit, perhaps: the store has been opened before
        return std::unexpected(
            StorageError{.kind = StorageError::Kind::unavailable, .detail = connection.error().detail});
    const auto set = (*connection)
                         ->execute(join({"SET search_path = ", schema_,
                                         "; SET default_transaction_isolation = 'repeatable read'; "
                                         "SET default_transaction_read_only = on"}));
    if (!set) return std::unexpected(set.error());
    line.connection = *std::move(connection);
    line.generation = generation;
    return {};
}

Readers::Line& Readers::take() {
    std::unique_lock lock{mutex_};
    returned_.wait(lock, [&] { return std::ranges::any_of(lines_, &Line::is_idle); });
    Line& line = *std::ranges::find_if(lines_, &Line::is_idle);
    line.is_idle = false;
    return line;
}

void Readers::give_back(Line& line) {
    {
        const std::scoped_lock lock{mutex_};
        line.is_idle = true;
    }
    returned_.notify_one();
}

} // namespace storage::postgres
