#include "storage/postgres/session.hpp"

#include "storage/postgres/schema.hpp"
#include "storage/sql/columns.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

namespace storage::postgres {

namespace {

using Kind = StorageError::Kind;
using sql::join;
using Clock = std::chrono::steady_clock;

constexpr auto between_attempts = std::chrono::milliseconds{250};
constexpr auto shortest_wait = std::chrono::milliseconds{2};
constexpr auto between_tellings = std::chrono::milliseconds{900};
constexpr int oldest_server = 150'000;
constexpr std::string_view lock_class = "1398157907"; // "SV2S"
constexpr int ending_attempts = 200;                  // of 50 ms

std::int64_t number(std::string_view text) {
    return text.empty() ? 0 : std::stoll(std::string{text});
}

template <std::size_t size> std::string hex_literal(const std::array<std::uint8_t, size>& bytes) {
    std::string text((2 * size) + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), bytes.data(), size);
    text.pop_back();
    return join({"'\\x", text, "'"});
}

} // namespace

Session::Session(PostgresOptions options, Target target) : options_{std::move(options)}, target_{std::move(target)} {}

Result<std::unique_ptr<Session>> Session::open(PostgresOptions options) {
    auto target = parse(options.url);
    if (!target) return std::unexpected(std::move(target).error());
    std::unique_ptr<Session> session{new Session{std::move(options), *std::move(target)}};
    const Alarm::Call call{session->alarm_};
    if (const auto done = session->open(); !done) return std::unexpected(done.error());
    return session;
}

// What is not ours is told before anything is waited for.
Result<void> Session::open() {
    auto done = wait_for_server();
    if (done) done = choose_schema();
    if (!done) return done;
    if (const auto there = inspect(); !there) return std::unexpected(there.error());
    if (done = stand_by(); !done) return done;
    const auto there = inspect(); // who was active before may have made it, or something else of it
    if (!there) return std::unexpected(there.error());
    if (!*there) done = make();
    if (done) done = check_origin();
    return done;
}

bool Session::tell(std::string_view why) {
    told_ = Clock::now();
    return options_.goes_on_waiting(why);
}

void Session::end_opening() {
    options_.goes_on_waiting = [](std::string_view) { return true; };
}

bool Session::goes_on() {
    return Clock::now() - told_ < between_tellings || tell(waiting_for_);
}

Result<void> Session::wait_for_server() {
    const auto deadline = Clock::now() + options_.patience;
    const std::string waiting = join({target_.name, ": waiting for the server"});
    waiting_for_ = waiting;
    told_ = Clock::now();
    for (;;) {
        auto opened = Connection::open(target_, alarm_, options_.faults, [this] { return goes_on(); });
        if (opened) {
            connection_ = *std::move(opened);
            waiting_for_ = waiting;
            return check_server();
        }
        if (opened.error().kind == Kind::unusable) return std::unexpected(std::move(opened).error());
        waiting_for_ = opened.error().detail;
        if (!tell(waiting_for_)) return error(Kind::unavailable, "waiting for the server was given up");
        if (Clock::now() >= deadline)
            return error(Kind::unavailable,
                         join({"there was no server within ", std::to_string(options_.patience.count()),
                               " s; the last attempt: ", waiting_for_}));
        std::this_thread::sleep_for(between_attempts);
    }
}

Result<void> Session::stand_by() {
    // The lock of a role that has just ended is there for a moment: only then anybody is told.
    for (auto wait = shortest_wait;; wait = std::min(2 * wait, between_attempts)) {
        const auto locked = lock();
        if (locked && *locked) return {};
        if (!locked) { // the server went while this role stood by
            if (!connection_->is_lost()) return std::unexpected(locked.error());
            if (const auto back = wait_for_server(); !back) return back;
            if (const auto chosen = choose_schema(); !chosen) return chosen;
            continue;
        }
        const bool is_told = wait == between_attempts;
        if (is_told && !tell("another role is active on this database; standing by"))
            return error(Kind::unavailable, "standing by for another role was given up");
        std::this_thread::sleep_for(wait);
    }
}

Result<Connection*> Session::connection() {
    if (connection_ && !connection_->is_lost()) return connection_.get();
    if (const auto done = reconnect(); !done) {
        if (connection_) connection_->drop();
        return std::unexpected(done.error());
    }
    ++generation_;
    return connection_.get();
}

Result<void> Session::reconnect() {
    auto opened = Connection::open(target_, alarm_, options_.faults, [] { return true; });
    if (!opened) // it was opened before: whatever it says may pass
        return std::unexpected(StorageError{.kind = Kind::unavailable, .detail = opened.error().detail});
    connection_ = *std::move(opened);
    const auto durability = durability_;
    auto done = check_server();
    durability_ = durability; // of what clients were told; the writer holds each commit to it
    if (done) done = choose_schema();
    if (done) done = check_origin();
    if (!done) {
        if (done.error().kind == Kind::unusable) done.error().kind = Kind::unavailable;
        return done;
    }
    const auto locked = lock();
    if (!locked) return std::unexpected(locked.error());
    return *locked ? Result<void>{} : end_old_session();
}

// The server may not have noticed that the old session is gone: then it still has the lock, and perhaps a commit on its
// way, whose end has to be waited for.
Result<void> Session::end_old_session() {
    for (int attempt = 0; attempt < ending_attempts; ++attempt) {
        auto there =
            connection_->execute(join({"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ", process_}));
        if (!there) return std::unexpected(there.error());
        const bool is_there = there->next();
        const auto locked = lock();
        if (!locked) return std::unexpected(locked.error());
        if (*locked) return {};
        if (!is_there) return error(Kind::superseded, "another role is active on this database now");
        if (const auto slept = connection_->execute("SELECT pg_sleep(0.05)"); !slept)
            return std::unexpected(slept.error());
    }
    return error(Kind::unavailable, "the server does not end this role's former session");
}

Result<void> Session::check_server() {
    if (connection_->server_version() < oldest_server)
        return error(Kind::unusable, "the server is older than PostgreSQL 15");
    auto settings = connection_->execute(
        "SET synchronous_commit = on; SELECT current_setting('fsync'), current_setting('full_page_writes'), "
        "current_setting('server_encoding'), current_setting('synchronous_standby_names') <> '' AND EXISTS "
        "(SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')), "
        "current_setting('data_checksums')");
    if (!settings) return std::unexpected(settings.error());
    settings->next();
    for (const auto& [column, name] : {std::pair{0, "fsync"}, std::pair{1, "full_page_writes"}})
        if (settings->text(column) != "on")
            return error(Kind::unusable, join({"the server runs with ", name,
                                               " off, and would lose in a crash what it "
                                               "has confirmed; set it on in postgresql.conf"}));
    if (const auto encoding = settings->text(2); encoding != "UTF8" && encoding != "SQL_ASCII")
        return error(Kind::unusable, join({"the database has the encoding ", encoding,
                                           ", which has no place for every name; make one with ENCODING 'UTF8'"}));
    if (settings->text(4) != "on")
        tell(join({target_.name,
                   ": the server runs without data checksums, and notices damage on its disk late or never; "
                   "pg_checksums --enable, while it is stopped, gives it some"}));
    durability_ = settings->text(3) == "t" ? protocol::Durability::replicated : protocol::Durability::local;
    return {};
}

// That of the url, where it names one: it comes first where names are looked up, by anybody who uses the url.
Result<void> Session::choose_schema() {
    auto path =
        connection_->execute("SELECT setting FROM pg_settings WHERE name = 'search_path' AND source = 'client'");
    if (!path) return std::unexpected(path.error());
    if (path->next()) schema_ = path->text(0);
    const bool is_plain = std::ranges::all_of(
        schema_, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
    if (schema_.empty() || !is_plain)
        return error(Kind::unusable, "the search_path in database_url must be one name of a-z, 0-9 and _");
    const auto set = connection_->execute(join({"SET search_path = \"", schema_, "\""}));
    if (!set) return std::unexpected(set.error());
    return {};
}

Result<bool> Session::lock() {
    constexpr std::string_view by_whom = "')), pid, extract(epoch FROM backend_start) FROM pg_stat_activity "
                                         "WHERE pid = pg_backend_pid()";
    auto locked =
        connection_->execute(join({"SELECT pg_try_advisory_lock(", lock_class, ", hashtext('", schema_, by_whom}));
    if (!locked) return std::unexpected(locked.error());
    if (!locked->next()) return error(Kind::unavailable, "the server does not know this session");
    if (locked->text(0) != "t") return false;
    process_ = join({"pid = ", locked->text(1), " AND extract(epoch FROM backend_start) = ", locked->text(2)});
    return true;
}

Result<bool> Session::inspect() {
    auto found = connection_->execute(join({"SELECT n.oid, EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid), "
                                            "EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid AND "
                                            "relname = 'about') FROM pg_namespace AS n WHERE nspname = '",
                                            schema_, "'"}));
    if (!found) return std::unexpected(found.error());
    if (!found->next() || found->text(1) == "f") return false;
    const auto foreign = error(Kind::foreign, join({"the schema ", schema_,
                                                    " is of another program; name one that is "
                                                    "not there yet: ?options=-csearch_path%3Dname in database_url"}));
    if (found->text(2) == "f") return foreign;
    auto about = connection_->execute(join({"SELECT program, schema_version FROM ", schema_, ".about"}));
    if (!about && connection_->last_state() == "42501")
        return error(Kind::unusable, join({about.error().detail, "; the store in the schema ", schema_,
                                           " belongs to another user: use that one, or grant its rights"}));
    if (!about && connection_->is_lost()) return std::unexpected(about.error());
    if (!about || !about->next() || about->text(0) != "storage-sv2") return foreign;
    const auto version = static_cast<std::uint32_t>(number(about->text(1)));
    if (version == schema_version) return true;
    return error(version > schema_version ? Kind::newer_schema : Kind::older_schema,
                 join({"the schema ", schema_, " has version ", std::to_string(version),
                       "; this program reads and writes ", std::to_string(schema_version)}));
}

// In one transaction, by the only role that is active: there is never half a store.
Result<void> Session::make() {
    if (::sodium_init() < 0) return error(Kind::unusable, "no source of randomness");
    std::int64_t id = 0;
    while (id == 0) ::randombytes_buf(&id, sizeof id); // 0 is for clients that remember none
    std::array<std::uint8_t, 16> fingerprint_key{};
    ::randombytes_buf(fingerprint_key.data(), fingerprint_key.size());
    const std::string chain = hex_literal(ChainLink{});
    auto there = connection_->execute(join({"BEGIN; SELECT 1 FROM pg_namespace WHERE nspname = '", schema_, "'"}));
    if (!there) return std::unexpected(there.error());
    const std::string new_schema = there->next() ? "" : join({"CREATE SCHEMA ", schema_, "; "});
    const auto made = connection_->execute(
        join({new_schema, postgres::schema(), "INSERT INTO about VALUES (1, 'storage-sv2', ",
              std::to_string(schema_version), ", 0, 0); INSERT INTO data_set VALUES (1, ", std::to_string(id), ", 1, ",
              hex_literal(fingerprint_key), "); INSERT INTO head VALUES (1, 0, 0, ", chain, ", 0, ", chain, ")"}));
    if (!made && connection_->last_state() == "42501")
        return error(Kind::unusable, join({made.error().detail,
                                           "; the user of database_url needs the right to make the "
                                           "schema ",
                                           schema_,
                                           ": GRANT CREATE ON DATABASE ... TO ..., or make it and "
                                           "give it to the user"}));
    if (!made) return std::unexpected(made.error());
    if (auto done = connection_->commit(); !done) { // it is found whole or not at all at the next start
        done.error().kind = Kind::unavailable;
        return done;
    }
    return {};
}

Result<void> Session::check_origin() {
    auto stored = connection_->execute("SELECT system_identifier, timeline FROM about");
    if (!stored) return std::unexpected(stored.error());
    stored->next();
    const Origin before{.system_identifier = number(stored->text(0)),
                        .timeline = std::max(number(stored->text(1)), origin_.timeline)};
    auto now =
        connection_->execute("SELECT system_identifier, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
                             "8))::bit(32)::bigint FROM pg_control_system()");
    if (!now && connection_->last_state() == "42501") {
        tell(join({target_.name, ": its user may not call pg_control_system(), so that a copy of "
                                 "the database is not told from the database"}));
        return {};
    }
    if (!now) return std::unexpected(now.error());
    now->next();
    origin_ = {.system_identifier = number(now->text(0)), .timeline = number(now->text(1))};
    if (before.system_identifier != 0 && before.system_identifier != origin_.system_identifier)
        return error(
            Kind::unusable,
            join({"the store was written by another server, of which this is a copy; if that one will never be "
                  "used again: UPDATE ",
                  schema_, ".about SET system_identifier = 0, timeline = 0"}));
    if (origin_.timeline < before.timeline) {
        auto refused = error(Kind::unusable, join({"the server is at timeline ", std::to_string(origin_.timeline),
                                                   ", and the store was at ", std::to_string(before.timeline),
                                                   ": this server was left behind when another was promoted"}));
        origin_.timeline = before.timeline;
        return refused;
    }
    if (before.system_identifier != 0 && before.timeline == origin_.timeline) return {};
    const auto kept =
        connection_->execute(join({"UPDATE about SET system_identifier = ", std::to_string(origin_.system_identifier),
                                   ", timeline = ", std::to_string(origin_.timeline)}));
    if (!kept) return std::unexpected(kept.error());
    return {};
}

std::unexpected<StorageError> Session::error(Kind kind, std::string_view what) const {
    const bool is_placed = what.starts_with(target_.name);
    return std::unexpected(
        StorageError{.kind = kind, .detail = is_placed ? std::string{what} : join({target_.name, ": ", what})});
}

} // namespace storage::postgres
