#include "storage/postgres/postgres_engine.hpp"

#include "storage/postgres/arrivals.hpp"
#include "storage/postgres/reader.hpp"
#include "storage/postgres/session.hpp"
#include "storage/postgres/writer.hpp"

#include <utility>
#include <vector>

namespace storage {

namespace {

class PostgresEngine final : public Engine {
  public:
    PostgresEngine(std::unique_ptr<postgres::Session> session, FaultHook faults)
        : session_{std::move(session)},
          readers_{*session_, std::move(faults), arrivals_},
          writer_{*session_, arrivals_} {}

    Result<void> prepare() {
        const postgres::Alarm::Call call{session_->alarm()};
        const auto connection = session_->connection();
        if (!connection) return std::unexpected(connection.error());
        if (auto done = arrivals_.drop_empty(**connection); !done) return done; // of a role that ended before it did
        auto loaded = arrivals_.load(**connection, [this](std::string_view why) { return session_->tell(why); });
        session_->end_opening();
        return loaded;
    }

    [[nodiscard]] std::string_view name() const override { return "postgres"; }
    [[nodiscard]] protocol::Durability durability() const override { return session_->durability(); }

    // Through the session that writes: while that has the lock, nothing of an earlier one is on its way any more.
    Result<Contents> load() override {
        const postgres::Alarm::Call call{session_->alarm()};
        const auto connection = session_->connection();
        if (!connection) return std::unexpected(connection.error());
        return postgres::contents(**connection);
    }

    Result<void> write(const Transaction& transaction) override {
        const postgres::Alarm::Call call{session_->alarm()};
        return writer_.write(transaction);
    }

    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) const override {
        return readers_.read(first, last, limit);
    }

    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                              std::uint64_t last) const override {
        return readers_.read_stream(stream, first, last);
    }

    Result<std::vector<LogEntry>> scan(const RecordScan& scan) const override { return readers_.scan(scan); }

    Result<std::vector<HourRow>> hours(const HourScan& scan) const override { return readers_.hours(scan); }

    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                             Position cut) const override {
        return readers_.has_entries(channel, first_time, last_time, cut);
    }

    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const override {
        return readers_.find(fingerprint, cut);
    }

    void interrupt() override {
        session_->alarm().ring();
        readers_.interrupt();
    }

    Result<void> close() override {
        readers_.close();
        session_->close();
        return {};
    }

  private:
    std::unique_ptr<postgres::Session> session_;
    postgres::Arrivals arrivals_;
    mutable postgres::Readers readers_;
    postgres::Writer writer_;
};

} // namespace

Result<std::unique_ptr<Engine>> open_postgres(const PostgresOptions& options) {
    auto session = postgres::Session::open(options);
    if (!session) return std::unexpected(session.error());
    auto engine = std::make_unique<PostgresEngine>(*std::move(session), options.faults);
    if (const auto done = engine->prepare(); !done) return std::unexpected(done.error());
    return engine;
}

} // namespace storage
