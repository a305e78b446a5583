#include "examples/reference_way.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace examples {

namespace {

const char* const schema = R"(
    CREATE TABLE share_accounting (channel_id TEXT PRIMARY KEY, last_share_sequence_number INTEGER NOT NULL,
        shares_accepted INTEGER NOT NULL, share_work_sum INTEGER NOT NULL, best_diff REAL NOT NULL,
        last_updated INTEGER NOT NULL);
    CREATE TABLE share_records (id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, share_hash BLOB NOT NULL,
        sequence_number INTEGER NOT NULL, share_work INTEGER NOT NULL, difficulty REAL NOT NULL,
        timestamp INTEGER NOT NULL, accepted BOOLEAN NOT NULL, validation_result TEXT);
    CREATE TABLE block_records (id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, share_hash BLOB NOT NULL,
        template_id INTEGER, coinbase BLOB NOT NULL, difficulty REAL NOT NULL, timestamp INTEGER NOT NULL);
    CREATE TABLE batch_acknowledgments (id TEXT PRIMARY KEY, channel_id TEXT NOT NULL,
        last_sequence_number INTEGER NOT NULL, new_submits_accepted_count INTEGER NOT NULL,
        new_shares_sum INTEGER NOT NULL, timestamp INTEGER NOT NULL);
    CREATE INDEX shares_by_channel ON share_records (channel_id, timestamp);
    CREATE INDEX shares_by_hash ON share_records (channel_id, share_hash);
    CREATE INDEX blocks_by_channel ON block_records (channel_id, timestamp);
    CREATE INDEX batches_by_channel ON batch_acknowledgments (channel_id, timestamp);
)";

void bind_value(sqlite3_stmt* statement, int parameter, std::uint64_t value) {
    sqlite3_bind_int64(statement, parameter, static_cast<sqlite3_int64>(value));
}
void bind_value(sqlite3_stmt* statement, int parameter, double value) {
    sqlite3_bind_double(statement, parameter, value);
}
void bind_value(sqlite3_stmt* statement, int parameter, std::string_view value) {
    sqlite3_bind_text(statement, parameter, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}
void bind_value(sqlite3_stmt* statement, int parameter, protocol::ByteView value) {
    sqlite3_bind_blob(statement, parameter, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
}

double as_double(std::uint64_t bits) {
    return std::bit_cast<double>(bits);
}
std::uint64_t seconds(storage::Milliseconds time) {
    return time / 1000;
}

std::string_view outcome_text(const protocol::Share& share) {
    switch (static_cast<protocol::Outcome>(share.outcome)) {
    case protocol::Outcome::none: return "";
    case protocol::Outcome::valid: return "\"Valid\"";
    case protocol::Outcome::valid_with_acknowledgment: return "\"ValidWithAcknowledgement\"";
    case protocol::Outcome::block_found: return "\"BlockFound\"";
    case protocol::Outcome::failed: return "\"Failed\"";
    }
    return "";
}

} // namespace

ReferenceWay::ReferenceWay(const std::filesystem::path& file) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open(file.c_str(), &opened);
    database_.reset(opened);
    check(result);
    check(sqlite3_exec(opened, schema, nullptr, nullptr, nullptr));
}

void ReferenceWay::check(int result) const {
    if (result != SQLITE_OK && result != SQLITE_ROW && result != SQLITE_DONE)
        throw std::runtime_error{fmt::format("the reference's way: {}", sqlite3_errmsg(database_.get()))};
}

sqlite3_stmt* ReferenceWay::prepared(const char* sql) {
    auto& statement = statements_[sql];
    if (!statement) {
        sqlite3_stmt* made = nullptr;
        check(sqlite3_prepare_v2(database_.get(), sql, -1, &made, nullptr));
        statement.reset(made);
    }
    return statement.get();
}

// All values are read, as by whoever asks.
template <class... Values> ReferenceWay::Answer ReferenceWay::run(const char* sql, const Values&... values) {
    sqlite3_stmt* const statement = prepared(sql);
    int parameter = 0;
    (bind_value(statement, ++parameter, values), ...);
    Answer answer;
    int result = sqlite3_step(statement);
    for (; result == SQLITE_ROW; result = sqlite3_step(statement)) {
        ++answer.rows;
        answer.first = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
        for (int column = 0; column < sqlite3_column_count(statement); ++column) {
            const auto* const value = static_cast<const char*>(sqlite3_column_blob(statement, column));
            if (value != nullptr) answer.last.assign(value, sqlite3_column_bytes(statement, column));
        }
    }
    check(result);
    sqlite3_reset(statement);
    return answer;
}

void ReferenceWay::store_each(const MockData& data) {
    for (const auto& share : data.shares) {
        run("INSERT OR REPLACE INTO share_records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", share.label.text,
            share.channel_id.text, share.share_hash.bytes, std::uint64_t{share.sequence_number}, share.share_work,
            as_double(share.difficulty), seconds(share.timestamp), std::uint64_t{share.accepted}, outcome_text(share));
    }
    for (const auto& block : data.blocks) {
        run("INSERT OR REPLACE INTO block_records VALUES (?, ?, ?, ?, ?, ?, ?)", block.label.text,
            block.channel_id.text, block.share_hash.bytes, block.template_id.value_or(0), block.coinbase.bytes,
            as_double(block.difficulty), seconds(block.timestamp));
    }
    for (const auto& batch : data.batch_acknowledgments) {
        run("INSERT OR REPLACE INTO batch_acknowledgments VALUES (?, ?, ?, ?, ?, ?)", batch.label.text,
            batch.channel_id.text, std::uint64_t{batch.last_sequence_number},
            std::uint64_t{batch.new_submits_accepted_count}, batch.new_shares_sum, seconds(batch.timestamp));
    }
    for (const auto& report : data.reports) {
        run("INSERT OR REPLACE INTO share_accounting VALUES (?, ?, ?, ?, ?, ?)", report.channel_id.text,
            std::uint64_t{report.last_share_sequence_number}, report.shares_accepted, report.share_work_sum,
            as_double(report.best_difficulty), seconds(report.timestamp));
    }
}

std::size_t ReferenceWay::ask(const Questions& questions) {
    std::size_t items = run("SELECT channel_id FROM share_accounting ORDER BY channel_id").rows +
                        run("SELECT * FROM block_records ORDER BY timestamp DESC").rows;
    for (std::size_t i = 0; i < questions.channels.size(); ++i) {
        const std::string& channel = questions.channels[i];
        items += run("SELECT * FROM share_accounting WHERE channel_id = ?", channel).rows;
        items += run("SELECT * FROM share_records WHERE channel_id = ? ORDER BY timestamp DESC LIMIT ?", channel,
                     std::uint64_t{questions.records_limit})
                     .rows;
        items += run("SELECT 1 FROM share_records WHERE channel_id = ? AND share_hash = ? AND accepted = 1 LIMIT 1",
                     channel, questions.hashes[i].bytes)
                     .rows;
        items += run("SELECT * FROM block_records WHERE channel_id = ? ORDER BY timestamp DESC", channel).rows;
        items += run("SELECT * FROM batch_acknowledgments WHERE channel_id = ? ORDER BY timestamp DESC", channel).rows;
        items += run("SELECT COUNT(*), SUM(accepted), SUM(CASE WHEN accepted THEN share_work END), MAX(difficulty),"
                     " MIN(timestamp), MAX(timestamp) FROM share_records WHERE channel_id = ?",
                     channel)
                     .first;
        run("SELECT COUNT(*) FROM block_records WHERE channel_id = ?", channel);
    }
    items += run("SELECT COUNT(*) FROM share_records").first;
    items += run("SELECT SUM(share_work) FROM share_records WHERE accepted = 1").first;
    items += run("SELECT 1").rows;
    return items;
}

} // namespace examples
