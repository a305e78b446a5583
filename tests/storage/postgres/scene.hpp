// A schema of its own on a private server, what is in it, and who else asks there.
#pragma once

#include "storage/postgres/postgres_engine.hpp"
#include "tests/storage/engine_scene.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace postgres_scene {

using namespace engine_scene;
using storage::Moment;
using storage::open_postgres;
using storage::PostgresOptions;

inline std::string server_url() {
    const char* const url = std::getenv("DATABASE_URL");
    REQUIRE_MESSAGE(url != nullptr, "tests/support/private_postgres.py starts a server for this");
    return url;
}

inline std::string in_schema(const std::string& schema) {
    return server_url().append("?options=-csearch_path%3D").append(schema);
}

// Somebody at psql.
class Prompt {
  public:
    explicit Prompt(const std::string& url = server_url()) : handle_{PQconnectdb(url.c_str()), &PQfinish} {
        REQUIRE_MESSAGE(PQstatus(handle_.get()) == CONNECTION_OK, PQerrorMessage(handle_.get()));
    }

    // A line for each row of the last statement, its columns separated as psql does.
    std::string run(const std::string& sql) {
        const std::unique_ptr<PGresult, void (*)(PGresult*)> result{PQexec(handle_.get(), sql.c_str()), &PQclear};
        REQUIRE_MESSAGE(PQresultStatus(result.get()) != PGRES_FATAL_ERROR, PQresultErrorMessage(result.get()));
        std::string out;
        for (int row = 0; row < PQntuples(result.get()); ++row) {
            for (int column = 0; column < PQnfields(result.get()); ++column) {
                if (column > 0) out += '|';
                out += PQgetisnull(result.get(), row, column) != 0 ? "NULL" : PQgetvalue(result.get(), row, column);
            }
            out += '\n';
        }
        return out;
    }

  private:
    std::unique_ptr<PGconn, void (*)(PGconn*)> handle_;
};

// Until it holds, or far longer than it may take.
inline void wait_until(const std::function<bool()>& holds) {
    for (int attempt = 0; attempt < 1500; ++attempt) {
        if (holds()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    FAIL("waited in vain");
}

// A setting of the whole server, for as long as this is there.
class Setting {
  public:
    Setting(std::string name, const std::string& value) : name_{std::move(name)} {
        prompt_.run("ALTER SYSTEM SET " + name_ + " = '" + value + "'");
        reload(value);
    }
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;
    ~Setting() { reset(); }

    void reset() {
        if (name_.empty()) return;
        prompt_.run("ALTER SYSTEM RESET " + name_);
        const std::string before = prompt_.run("SELECT boot_val FROM pg_settings WHERE name = '" + name_ + "'");
        reload(before.substr(0, before.size() - 1));
        name_.clear();
    }

  private:
    void reload(const std::string& expected) {
        prompt_.run("SELECT pg_reload_conf()");
        wait_until([&] { return prompt_.run(std::string{"SHOW "}.append(name_)) == expected + "\n"; });
        // The checkpointer alone tells all sessions whether commits wait for a standby, once it has read the settings:
        // it does so before each checkpoint, and a first one may have been asked for just before.
        for (int i = 0; i < 2; ++i) prompt_.run("CHECKPOINT");
    }

    std::string name_;
    Prompt prompt_;
};

// Receives what the server writes and confirms what it has synced, as a standby does; it keeps nothing.
class Receiver {
  public:
    static constexpr auto name = "receiver"; // for synchronous_standby_names

    Receiver() {
        std::array arguments{std::string{"pg_receivewal"},
                             std::string{"--synchronous"},
                             std::string{"--no-loop"},
                             std::string{"--directory"},
                             folder_.path().string(),
                             std::string{"--dbname"},
                             server_url() + "?application_name=" + name};
        std::vector<char*> pointers;
        for (std::string& argument : arguments) pointers.push_back(argument.data());
        pointers.push_back(nullptr);
        REQUIRE(posix_spawnp(&pid_, pointers[0], nullptr, nullptr, pointers.data(), environ) == 0);
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver() { end(); }

    // That is what it becomes with the first that it has synced.
    void wait_until_synchronous() {
        wait_until([&] {
            prompt_.run("SELECT pg_logical_emit_message(false, 'test', 'something to sync')");
            return state() == "sync\n";
        });
    }

    // Returns when the server knows, too.
    void end() {
        if (pid_ == 0) return;
        kill(pid_, SIGKILL);
        waitpid(std::exchange(pid_, 0), nullptr, 0);
        wait_until([&] { return state().empty(); });
    }

  private:
    std::string state() {
        return prompt_.run(std::string{"SELECT sync_state FROM pg_stat_replication WHERE application_name = '"} + name +
                           "'");
    }

    support::TemporaryFolder folder_;
    Prompt prompt_;
    pid_t pid_ = 0;
};

struct Database {
    static inline int count = 0;
    std::string schema = std::string{"t"}.append(std::to_string(++count));
    std::string url = in_schema(schema);
    Prompt prompt{url};

    [[nodiscard]] storage::Result<std::unique_ptr<Engine>> try_open() const { return open_postgres({.url = url}); }
    [[nodiscard]] std::unique_ptr<Engine> open() const {
        auto engine = try_open();
        REQUIRE_MESSAGE(engine, (engine ? "" : engine.error().detail));
        return *std::move(engine);
    }
    // Of the session that has the lock.
    std::string writer() {
        std::string pid = prompt.run("SELECT l.pid FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.granted AND "
                                     "l.objid = (hashtext('" +
                                     schema + "')::bigint & 4294967295)::oid");
        REQUIRE(!pid.empty());
        pid.pop_back();
        return pid;
    }
    // What that session waits for: "Lock", or "IPC" for a standby.
    void wait_until_it_waits_for(const std::string& pid, const std::string& what) {
        wait_until([&] {
            return prompt.run("SELECT wait_event_type FROM pg_stat_activity WHERE state = 'active' AND pid = " + pid) ==
                   what + "\n";
        });
    }
};

struct OpenScene : Database {
    std::unique_ptr<Engine> engine = open();
    Log log{*engine};

    // To be written next; their day has a partition already, which a share before them has been given.
    Transaction shares_of_known_day(std::size_t count) {
        log.add_shares(1, 1);
        write();
        return log.add_shares(1, count).take();
    }

    void write() {
        const auto written = engine->write(log.take());
        REQUIRE_MESSAGE(written, (written ? "" : written.error().detail));
    }
};

// A call that goes on in a thread of its own.
class Writing {
  public:
    Writing(Engine& engine, const Transaction& transaction)
        : engine_{engine},
          thread_{[&] {
              result_ = engine_.write(transaction);
              is_over_ = true;
          }} {}
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() {
        if (!thread_.joinable()) return;
        for (; !is_over_; std::this_thread::sleep_for(std::chrono::milliseconds{20})) engine_.interrupt();
        thread_.join();
    }

    [[nodiscard]] bool is_over() const { return is_over_; }
    storage::Result<void> result() {
        thread_.join();
        return result_;
    }

  private:
    Engine& engine_;
    storage::Result<void> result_;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

inline storage::Result<void> write_in_the_end(Engine& engine, const Transaction& transaction) {
    for (;;)
        if (auto written = engine.write(transaction); written || written.error().kind != Kind::unavailable)
            return written;
}

template <class T> std::string detail(const storage::Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().detail;
}

inline bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

} // namespace postgres_scene
