#include "storage/postgres/connection.hpp"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

namespace storage::postgres {

namespace {

using Kind = StorageError::Kind;
using protocol::Bytes;
using protocol::ByteView;

constexpr auto patience_with_an_attempt = std::chrono::seconds{10};
constexpr int tick_ms = 200;
constexpr std::size_t piece = std::size_t{1} << 18U; // of a COPY

// Sessions speak of warnings, and their end is noticed in seconds on the server's side, too.
constexpr const char* settings =
    "SET client_min_messages = warning; SET standard_conforming_strings = on; SET extra_float_digits = 1; "
    "SET bytea_output = hex; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET idle_session_timeout = 0; SET lock_timeout = 0; SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET plan_cache_mode = force_generic_plan; SET jit = off; SET tcp_keepalives_idle = 5; "
    "SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 5000";

std::string_view field(const pg_result* result, int code) {
    const char* const text = PQresultErrorField(result, code);
    return text == nullptr ? std::string_view{} : std::string_view{text};
}

// Before a COMMIT, and of questions: nothing was stored.
Kind kind_of(std::string_view state) {
    if (state == "53100") return Kind::full;
    if (state.starts_with("XX00") && state != "XX000") return Kind::corrupt;
    if (state == "58P01" || state.starts_with("42P0") || state == "42703" || state == "23505") return Kind::corrupt;
    return Kind::unavailable;
}

template <class Integer> Integer big_endian(const char* bytes) {
    Integer value = 0;
    std::memcpy(&value, bytes, sizeof value);
    if constexpr (sizeof value == 8) return static_cast<Integer>(be64toh(static_cast<std::uint64_t>(value)));
    if constexpr (sizeof value == 4) return static_cast<Integer>(be32toh(static_cast<std::uint32_t>(value)));
    if constexpr (sizeof value == 2) return static_cast<Integer>(be16toh(static_cast<std::uint16_t>(value)));
}

} // namespace

void Rows::clear(pg_result* result) {
    PQclear(result);
}

bool Rows::next() {
    return ++row_ < PQntuples(result_.get());
}

std::uint64_t Rows::integer(int column) const {
    const char* const bytes = PQgetvalue(result_.get(), row_, column);
    switch (PQgetlength(result_.get(), row_, column)) {
    case 2: return static_cast<std::uint64_t>(std::int64_t{big_endian<std::int16_t>(bytes)});
    case 4: return static_cast<std::uint64_t>(std::int64_t{big_endian<std::int32_t>(bytes)});
    case 8: return static_cast<std::uint64_t>(big_endian<std::int64_t>(bytes));
    case 1: return static_cast<std::uint64_t>(*bytes);
    default: return 0; // NULL
    }
}

double Rows::real(int column) const {
    return std::bit_cast<double>(integer(column));
}

std::string_view Rows::text(int column) const {
    return {PQgetvalue(result_.get(), row_, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
}

ByteView Rows::bytes(int column) const {
    const std::string_view value = text(column);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes, to libpq, are chars.
    return {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
}

bool Rows::is_null(int column) const {
    return PQgetisnull(result_.get(), row_, column) != 0;
}

std::uint64_t Rows::changes() const {
    const std::string_view text = PQcmdTuples(result_.get());
    std::uint64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

void Connection::Closer::operator()(pg_conn* handle) const {
    PQfinish(handle);
}

Connection::Connection(std::string place, Alarm& alarm, FaultHook faults, std::function<bool()> goes_on)
    : place_{std::move(place)},
      alarm_{alarm},
      faults_{std::move(faults)},
      goes_on_{std::move(goes_on)} {}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const Target& target, Alarm& alarm, FaultHook faults,
                                                     std::function<bool()> goes_on) {
    std::unique_ptr<Connection> connection{new Connection{target.name, alarm, std::move(faults), std::move(goes_on)}};
    auto done = connection->with_faults("connect", [&] { return connection->connect(target); });
    if (done) done = connection->begin_session();
    if (!done) return std::unexpected(std::move(done).error());
    return connection;
}

Result<void> Connection::connect(const Target& target) {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    keywords.reserve(target.keywords.size());
    for (const std::string& keyword : target.keywords) keywords.push_back(keyword.c_str());
    values.reserve(target.values.size());
    for (const std::string& value : target.values) values.push_back(value.c_str());
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    handle_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!handle_) return lost("no memory");
    PQsetErrorVerbosity(handle_.get(), PQERRORS_VERBOSE); // which has SQLSTATEs, whatever language the server speaks

    const auto deadline = std::chrono::steady_clock::now() + patience_with_an_attempt;
    auto state = PGRES_POLLING_WRITING;
    while (PQstatus(handle_.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
        const auto ready = wait_a_tick(state == PGRES_POLLING_READING ? POLLIN : POLLOUT);
        if (!ready) return std::unexpected(ready.error());
        if (std::chrono::steady_clock::now() > deadline) return lost("the server does not answer");
        if (*ready) state = PQconnectPoll(handle_.get());
    }
    if (state == PGRES_POLLING_OK) return {};
    const std::string message = PQerrorMessage(handle_.get());
    const bool is_final = is_refusal(message) || PQconnectionNeedsPassword(handle_.get()) != 0;
    auto error = lost(in_words(message));
    if (is_final) error.error().kind = Kind::unusable;
    return error;
}

Result<void> Connection::begin_session() {
    PQsetErrorVerbosity(handle_.get(), PQERRORS_DEFAULT);
    PQsetnonblocking(handle_.get(), 1);
    PQsetNoticeReceiver(handle_.get(), on_notice, this);
    const auto done = execute(settings);
    if (!done) return std::unexpected(done.error());
    return {};
}

Result<Rows> Connection::execute(const std::string& sql) {
    return with_faults("execute", [&]() -> Result<Rows> {
        auto result = run(sql, {});
        if (!result) return std::unexpected(std::move(result).error());
        return Rows{*result};
    });
}

Result<void> Connection::copy(const std::string& sql, std::span<const Bytes> copies) {
    return with_faults("copy", [&]() -> Result<void> {
        const auto result = run(sql, copies);
        if (!result) return std::unexpected(result.error());
        PQclear(*result);
        return {};
    });
}

Result<void> Connection::commit() {
    return with_faults("commit", [&] { return commit_plainly(); });
}

Result<void> Connection::commit_plainly() {
    if (is_lost()) return lost(""); // it was never sent
    warning_.clear();
    const auto unknown = [this](std::string_view why) {
        std::string detail = place_;
        detail.append(": what became of a commit is not known: ").append(why);
        return std::unexpected(StorageError{.kind = Kind::unknown, .detail = std::move(detail)});
    };
    const auto result = run("COMMIT", {});
    if (!result) return unknown(result.error().detail);
    const Rows rows{*result};
    if (std::string_view{PQcmdStatus(*result)} != "COMMIT") return unknown("the server has rolled it back");
    if (!warning_.empty()) return unknown(warning_);
    return {};
}

Result<std::vector<Rows>> Connection::ask(std::span<const Question> questions) {
    return with_faults("ask", [&]() -> Result<std::vector<Rows>> {
        if (is_lost()) return lost("");
        if (PQenterPipelineMode(handle_.get()) != 1) return lost(PQerrorMessage(handle_.get()));
        for (const Question& question : questions)
            if (const auto sent = send(question); !sent) return std::unexpected(sent.error());
        if (PQpipelineSync(handle_.get()) != 1) return lost(PQerrorMessage(handle_.get()));
        auto rows = gather(questions.size());
        // What was prepared in it, and what was not, is not worth finding out.
        if (!rows || PQexitPipelineMode(handle_.get()) != 1) drop();
        return rows;
    });
}

Result<void> Connection::send(const Question& question) {
    const auto [statement, is_new] = prepared_.try_emplace(question.sql, std::to_string(prepared_.size()));
    const std::string& name = statement->second;
    const int count = static_cast<int>(question.values.size());
    constexpr Oid int8 = 20;
    if (is_new) {
        const std::vector<Oid> types(question.values.size(), int8);
        if (PQsendPrepare(handle_.get(), name.c_str(), question.sql.c_str(), count, types.data()) != 1)
            return lost(PQerrorMessage(handle_.get()));
    }
    std::vector<std::uint64_t> values;
    values.reserve(question.values.size());
    for (const std::int64_t value : question.values) values.push_back(htobe64(static_cast<std::uint64_t>(value)));
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as above.
    for (const std::uint64_t& value : values) pointers.push_back(reinterpret_cast<const char*>(&value));
    const std::vector<int> lengths(values.size(), sizeof(std::uint64_t));
    const std::vector<int> formats(values.size(), 1);
    if (PQsendQueryPrepared(handle_.get(), name.c_str(), count, pointers.data(), lengths.data(), formats.data(), 1) !=
        1)
        return lost(PQerrorMessage(handle_.get()));
    return {};
}

// Each question has a result, or an error, and then nothing; statements that were prepared the same.
Result<std::vector<Rows>> Connection::gather(std::size_t questions) {
    std::vector<Rows> answers;
    answers.reserve(questions);
    std::optional<StorageError> failure;
    for (;;) {
        const auto result = next_result();
        if (!result) return std::unexpected(result.error());
        if (*result == nullptr) continue;
        Rows rows{*result};
        switch (PQresultStatus(*result)) {
        case PGRES_TUPLES_OK: answers.push_back(std::move(rows)); break;
        case PGRES_PIPELINE_SYNC:
            if (failure) return std::unexpected(*std::move(failure));
            return answers;
        case PGRES_FATAL_ERROR:
            if (!failure) failure = refused(*result).error();
            break;
        default: break; // what was prepared, and what comes after an error
        }
    }
}

int Connection::server_version() const {
    return PQserverVersion(handle_.get());
}

int Connection::process() const {
    return PQbackendPID(handle_.get());
}

Result<bool> Connection::wait_a_tick(short events) {
    std::array<pollfd, 2> waiting{pollfd{.fd = PQsocket(handle_.get()), .events = events, .revents = 0},
                                  pollfd{.fd = alarm_.descriptor(), .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waiting.data(), waiting.size(), tick_ms);
    if (ready < 0 && errno != EINTR) return lost("poll() failed");
    if (ready > 0 && waiting[1].revents != 0) return lost("interrupted");
    if (!goes_on_()) return lost("given up");
    return ready > 0;
}

Result<void> Connection::wait(short events) {
    for (;;) {
        const auto ready = wait_a_tick(events);
        if (!ready) return std::unexpected(ready.error());
        if (*ready) return {};
    }
}

// A server that has much to say before it reads on is listened to meanwhile.
Result<void> Connection::flush() {
    for (;;) {
        const int left = PQflush(handle_.get());
        if (left == 0) return {};
        if (left < 0) return lost(PQerrorMessage(handle_.get()));
        if (const auto ready = wait(POLLIN | POLLOUT); !ready) return ready;
        if (PQconsumeInput(handle_.get()) != 1) return lost(PQerrorMessage(handle_.get()));
    }
}

Result<pg_result*> Connection::next_result() {
    if (const auto sent = flush(); !sent) return std::unexpected(sent.error());
    while (PQisBusy(handle_.get()) != 0) {
        if (const auto ready = wait(POLLIN); !ready) return std::unexpected(ready.error());
        if (PQconsumeInput(handle_.get()) != 1) return lost(PQerrorMessage(handle_.get()));
    }
    pg_result* const result = PQgetResult(handle_.get());
    if (PQstatus(handle_.get()) == CONNECTION_BAD) {
        const std::string why = result == nullptr ? PQerrorMessage(handle_.get()) : PQresultErrorMessage(result);
        PQclear(result);
        return lost(in_words(why));
    }
    return result;
}

// The last result; or the first error, after which the server has carried out nothing.
Result<pg_result*> Connection::run(const std::string& sql, std::span<const Bytes> copies) {
    if (is_lost()) return lost("");
    last_state_.clear();
    if (PQsendQuery(handle_.get(), sql.c_str()) != 1) return lost(PQerrorMessage(handle_.get()));
    std::optional<StorageError> failure;
    pg_result* last = nullptr;
    for (;;) {
        const auto result = next_result();
        if (!result) {
            PQclear(last);
            return std::unexpected(failure ? *std::move(failure) : result.error()); // it said why it went
        }
        if (*result == nullptr) break;
        PQclear(last);
        last = *result;
        const auto status = PQresultStatus(last);
        if (status == PGRES_FATAL_ERROR && !failure) failure = refused(last).error();
        if (status != PGRES_COPY_IN) continue;
        if (const auto fed = feed(copies.front()); !fed) {
            PQclear(last);
            return std::unexpected(fed.error());
        }
        copies = copies.subspan(1);
    }
    if (!failure) return last;
    PQclear(last);
    return std::unexpected(*std::move(failure));
}

Result<void> Connection::feed(ByteView bytes) {
    while (!bytes.empty()) {
        const ByteView next = bytes.first(std::min(piece, bytes.size()));
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as above.
        const auto* const chars = reinterpret_cast<const char*>(next.data());
        if (PQputCopyData(handle_.get(), chars, static_cast<int>(next.size())) != 1)
            return lost(PQerrorMessage(handle_.get()));
        if (const auto sent = flush(); !sent) return sent;
        bytes = bytes.subspan(next.size());
    }
    if (PQputCopyEnd(handle_.get(), nullptr) != 1) return lost(PQerrorMessage(handle_.get()));
    return {};
}

template <class Call> auto Connection::with_faults(std::string_view name, Call call) -> decltype(call()) {
    if (auto fault = faults_(name, Moment::before)) {
        drop();
        return std::unexpected(*std::move(fault));
    }
    auto result = call();
    if (auto fault = faults_(name, Moment::after)) {
        drop();
        return std::unexpected(*std::move(fault));
    }
    return result;
}

std::unexpected<StorageError> Connection::lost(std::string_view why) {
    std::string detail = place_;
    detail.append(": ").append(why.empty() ? "the connection was lost" : in_words(why));
    last_state_.clear();
    drop();
    return std::unexpected(StorageError{.kind = Kind::unavailable, .detail = std::move(detail)});
}

std::unexpected<StorageError> Connection::refused(const pg_result* result) {
    last_state_ = field(result, PG_DIAG_SQLSTATE);
    std::string detail = place_;
    detail.append(": ").append(field(result, PG_DIAG_MESSAGE_PRIMARY));
    // NOLINTNEXTLINE(bugprone-signed-char-misuse,cert-str34-c): they are letters.
    for (const int code : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT})
        if (const auto more = field(result, code); !more.empty()) detail.append("; ").append(more);
    detail.append(" (SQLSTATE ").append(last_state_).append(")");
    return std::unexpected(StorageError{.kind = kind_of(last_state_), .detail = std::move(detail)});
}

void Connection::on_notice(void* self, const pg_result* result) {
    auto& connection = *static_cast<Connection*>(self);
    if (field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING")
        connection.warning_ = field(result, PG_DIAG_MESSAGE_PRIMARY);
}

} // namespace storage::postgres
