#include "storage/postgres/writer.hpp"

#include "storage/postgres/copy.hpp"
#include "storage/postgres/entries.hpp"
#include "storage/stretches.hpp"

#include <sodium.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace storage::postgres {

namespace {

using Kind = StorageError::Kind;
using protocol::Bytes;
using protocol::ByteView;
using sql::join;

constexpr std::string_view is_waiting = "current_setting('synchronous_standby_names') <> ''";

std::string literal(std::uint64_t value) {
    return std::to_string(static_cast<std::int64_t>(value));
}

std::string literal(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += c;
        quoted += c;
    }
    return quoted += "'";
}

std::string literal(ByteView bytes) {
    std::string hex((2 * bytes.size()) + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
    hex.pop_back();
    return join({"'\\x", hex, "'"});
}

template <class... Values> std::string row(const Values&... values) {
    std::string sql = "(";
    ((sql.append(literal(values)).append(", ")), ...);
    sql.resize(sql.size() - 2);
    return sql += ")";
}

std::string row(const Head& head) {
    return row(head.term, head.position, ByteView{head.chain}, head.removed, ByteView{head.removed_chain});
}

// Nothing without rows.
template <class Rows, class Each>
std::string insert(std::string_view into, const Rows& rows, Each each, std::string_view conflict = {}) {
    if (rows.empty()) return {};
    std::string sql = join({"INSERT INTO ", into, " VALUES "});
    for (const auto& one : rows) sql.append(each(one)).append(", ");
    sql.resize(sql.size() - 2);
    return sql.append(conflict).append("; ");
}

std::string names(const Transaction& transaction) {
    std::string sql = insert(
        "streams (number, identity, stream_id, pool, epoch, durable_sequence, removed_sequence)", transaction.streams,
        [](const StreamRow& stream) {
            return row(stream.number, std::string_view{stream.name.identity}, stream.name.stream_id,
                       std::string_view{stream.pool}, stream.epoch, stream.durable_sequence, stream.removed_sequence);
        },
        " ON CONFLICT (number) DO UPDATE SET pool = excluded.pool, epoch = excluded.epoch, "
        "durable_sequence = excluded.durable_sequence, removed_sequence = excluded.removed_sequence");
    for (const StreamRow& stream : transaction.streams)
        if (const std::string gone = literal(stream.removed_sequence); stream.removed_sequence > 0)
            sql.append(join({"DELETE FROM stretches WHERE stream = ", literal(stream.number),
                             " AND first_sequence <= ", gone, " AND first_sequence + count - 1 <= ", gone, "; "}));
    sql += insert("channels (number, pool, channel_id)", transaction.channels, [](const ChannelRow& channel) {
        return row(channel.number, std::string_view{channel.pool}, std::string_view{channel.channel_id});
    });
    sql += insert("users (number, pool, user_identity)", transaction.users, [](const UserRow& user) {
        return row(user.number, std::string_view{user.pool}, std::string_view{user.user_identity});
    });
    return sql + insert(
                     "derived (key, value)", transaction.derived,
                     [](const KeyValue& pair) { return row(ByteView{pair.key}, ByteView{pair.value}); },
                     " ON CONFLICT (key) DO UPDATE SET value = excluded.value");
}

// The hours come with a COPY, of which `copies` gets the rows.
std::string runs(const Transaction& transaction, std::vector<Bytes>& copies) {
    std::string sql;
    if (transaction.replaced_run) {
        const std::string run = literal(*transaction.replaced_run);
        sql.append(
            join({"DELETE FROM hours WHERE run = ", run, "; DELETE FROM runs WHERE last_position = ", run, "; "}));
    }
    sql += insert("runs (last_position, first_position, chain, first_received, last_received)", transaction.runs,
                  [](const Run& run) {
                      return row(run.last, run.first, ByteView{run.chain}, run.first_received, run.last_received);
                  });
    if (transaction.hours.empty()) return sql;
    CopyRows rows;
    for (const HourRow& hour : transaction.hours) {
        sql::columns_of(hour.tally)([&](const auto&... field) {
            rows.begin_row(5 + sizeof...(field));
            rows.smallint(std::to_underlying(hour.subject));
            rows.bigint(hour.number);
            rows.bigint(hour.hour);
            rows.bigint(hour.run);
            rows.bigint(hour.checksum);
            (rows.field(field), ...);
        });
    }
    copies.push_back(std::move(rows).take());
    return sql.append(join({"COPY hours (subject, number, hour, run, checksum, ", sql::names_of<Tally>(),
                            ") FROM STDIN (FORMAT binary); "}));
}

std::string stretches(const std::vector<LogEntry>& entries) {
    return insert("stretches (stream, first_sequence, first_position, count)", stretches_of(entries),
                  [](const Stretch& stretch) {
                      return row(stretch.stream, stretch.first_sequence, stretch.first_position, stretch.count);
                  });
}

StorageError not_replicated(Kind kind) {
    return {.kind = kind,
            .detail = "the server does not wait for a standby any more, and clients were told that records are "
                      "replicated; set synchronous_standby_names, or restart the role to go on without"};
}

} // namespace

Result<void> Writer::write(const Transaction& transaction) {
    const auto connection = session_.connection();
    if (!connection) return std::unexpected(connection.error());
    auto done = arrivals_.make_room(**connection, transaction.entries);
    if (done) done = write(**connection, transaction);
    if (done) done = commit(**connection);
    if (done) {
        // What becomes of this does not concern the transaction, which stands.
        if (!transaction.removed.empty() && !arrivals_.drop_empty(**connection)) (*connection)->drop();
        return {};
    }
    arrivals_.look_again();
    roll_back(**connection);
    return done;
}

// An operator who lets go of the standby lets go of the commits that wait for it, too, and those have no warning.
Result<void> Writer::commit(Connection& connection) const {
    if (auto done = connection.commit(); !done || !is_replicated()) return done;
    auto waiting = connection.execute(join({"SELECT ", is_waiting}));
    if (waiting && waiting->next() && waiting->text(0) == "t") return {};
    if (waiting) return std::unexpected(not_replicated(Kind::unknown));
    return std::unexpected(StorageError{.kind = Kind::unknown, .detail = waiting.error().detail});
}

void Writer::roll_back(Connection& connection) {
    const bool is_rolled_back = !connection.is_lost() && connection.execute("ROLLBACK");
    if (!is_rolled_back) connection.drop();
}

// Up to, but without, the commit: of what fails here, nothing is stored.
Result<void> Writer::write(Connection& connection, const Transaction& transaction) {
    if (auto done = advance_head(connection, transaction); !done) return done;
    std::vector<Bytes> copies;
    std::string sql = names(transaction);
    sql += runs(transaction, copies);
    sql += removed(transaction.removed);
    sql += stretches(transaction.entries);
    sql += Arrivals::added(transaction.entries);
    sql += inserted(transaction.entries, copies);
    arrivals_.expect(transaction.entries);
    if (sql.empty()) return {};
    return connection.copy(sql, copies);
}

Result<void> Writer::advance_head(Connection& connection, const Transaction& transaction) {
    constexpr std::string_view columns = "(term, position, chain, removed, removed_chain)";
    std::string sql = join({"BEGIN; UPDATE head SET ", columns, " = ", row(transaction.head), " WHERE ", columns, " = ",
                            row(transaction.expected)});
    if (session_.durability() == protocol::Durability::replicated) sql.append(" AND ").append(is_waiting);
    const auto advanced = connection.execute(sql);
    if (!advanced) return std::unexpected(advanced.error());
    if (advanced->changes() == 1) return {};
    return std::unexpected(why_not(connection, transaction.expected.term));
}

StorageError Writer::why_not(Connection& connection, std::uint64_t term) const {
    auto head = connection.execute(join({"SELECT term, ", is_waiting, " FROM head"}));
    if (!head) return head.error();
    if (!head->next()) return {.kind = Kind::corrupt, .detail = "the store has no head"};
    if (head->text(0) != literal(term)) return wrong_head(false);
    if (is_replicated() && head->text(1) != "t") return not_replicated(Kind::unavailable);
    return wrong_head(true);
}

bool Writer::is_replicated() const {
    return session_.durability() == protocol::Durability::replicated;
}

} // namespace storage::postgres
