// The session that writes: on a server that keeps its promises, in a schema that is ours, and of the one role that is
// active on it.
#pragma once

#include "protocol/storage_messages.hpp"
#include "storage/postgres/alarm.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/postgres_engine.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace storage::postgres {

class Session {
  public:
    // Waits for the server as long as the options say, and for another role that is active without end. Makes the store
    // if there is none.
    static Result<std::unique_ptr<Session>> open(PostgresOptions options);

    // Tells what opening waits for; false if it is to be given up.
    bool tell(std::string_view why);
    // From now on nobody is told, and nothing given up but by the alarm.
    void end_opening();

    // The connection; a new one if it was lost. `superseded` if another role has become active meanwhile.
    Result<Connection*> connection();

    [[nodiscard]] Alarm& alarm() { return alarm_; }
    [[nodiscard]] const Target& target() const { return target_; }
    [[nodiscard]] const std::string& schema() const { return schema_; }
    // Of each commit that is not refused.
    [[nodiscard]] protocol::Durability durability() const { return durability_; }

    // Rises with each connection that takes the place of one that was lost. From any thread.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

    void close() { connection_.reset(); }

  private:
    // Of a database, as long as it is the same: a copy of it elsewhere has another identifier, one whose server was
    // restored or left behind an earlier timeline. 0: the rights did not allow to see it.
    struct Origin {
        std::int64_t system_identifier = 0;
        std::int64_t timeline = 0;
    };

    Session(PostgresOptions options, Target target);

    Result<void> open();
    // Asked while a call waits: tells it now and then.
    bool goes_on();
    Result<void> wait_for_server();
    Result<void> stand_by();
    Result<void> reconnect();
    Result<void> end_old_session();
    Result<void> check_server();
    Result<void> choose_schema();
    Result<void> check_origin();
    Result<bool> lock();
    // Whether the store is there. What is not ours is told.
    Result<bool> inspect();
    Result<void> make();
    [[nodiscard]] std::unexpected<StorageError> error(StorageError::Kind kind, std::string_view what) const;

    PostgresOptions options_;
    Target target_;
    Alarm alarm_;
    std::string waiting_for_; // by calls, while it is opened
    std::chrono::steady_clock::time_point told_;
    std::unique_ptr<Connection> connection_;
    std::atomic<std::uint64_t> generation_ = 0;
    std::string schema_ = "storage_sv2";
    protocol::Durability durability_ = protocol::Durability::local;
    Origin origin_;
    std::string process_; // of the server, that has the lock, in the words of a WHERE
};

} // namespace storage::postgres
