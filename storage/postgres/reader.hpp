// Questions of the log, and a few connections to ask them from any thread, each at one moment of the log.
#pragma once

#include "storage/engine.hpp"
#include "storage/fault.hpp"
#include "storage/postgres/alarm.hpp"
#include "storage/postgres/arrivals.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/postgres/session.hpp"

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace storage::postgres {

// All that is there, through the connection that writes: nothing of it is on its way then.
Result<Contents> contents(Connection& connection);

class Readers {
  public:
    Readers(const Session& session, FaultHook faults, const Arrivals& arrivals);

    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit);
    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last);
    Result<std::vector<LogEntry>> scan(const RecordScan& scan);
    Result<std::vector<HourRow>> hours(const HourScan& scan);
    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut);
    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut);

    // From any thread.
    void interrupt();
    void close();

  private:
    // A connection that is made when it is first needed, and again when it was lost, or when the session was: that may
    // have gone to another server since, and then this one asks a server that is not written any more.
    struct Line {
        Alarm alarm;
        std::unique_ptr<Connection> connection;
        std::uint64_t generation = 0; // of the session, when it was made
        bool is_idle = true;
    };

    Result<std::vector<Rows>> ask(std::span<const Question> questions);
    Result<std::vector<Rows>> ask(Line& line, std::span<const Question> questions);
    Result<void> connect(Line& line);
    Line& take();
    void give_back(Line& line);

    const Session& session_;
    const Target target_;
    const std::string schema_;
    const FaultHook faults_;
    const Arrivals& arrivals_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::array<Line, 4> lines_;
};

} // namespace storage::postgres
