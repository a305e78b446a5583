#include "storage/sqlite/sqlite_engine.hpp"

#include "storage/sqlite/reader.hpp"
#include "storage/sqlite/store_file.hpp"
#include "storage/sqlite/writer.hpp"

#include <utility>
#include <vector>

namespace storage {

namespace {

using sqlite::Reader;

class SqliteEngine final : public Engine {
  public:
    SqliteEngine(Place file, std::unique_ptr<sqlite::Writer> writer)
        : file_{std::move(file)},
          readers_{file_.path},
          writer_{std::move(writer)} {}

    [[nodiscard]] std::string_view name() const override { return "sqlite"; }
    [[nodiscard]] protocol::Durability durability() const override { return protocol::Durability::local; }

    Result<Contents> load() override {
        return readers_.ask([](Reader& reader) { return reader.contents(); });
    }

    Result<void> write(const Transaction& transaction) override { return writer_->write(transaction); }

    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) const override {
        return readers_.ask([&](Reader& reader) { return reader.read(first, last, limit); });
    }

    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                              std::uint64_t last) const override {
        return readers_.ask([&](Reader& reader) { return reader.read_stream(stream, first, last); });
    }

    Result<std::vector<LogEntry>> scan(const RecordScan& scan) const override {
        return readers_.ask([&](Reader& reader) { return reader.scan(scan); });
    }

    Result<std::vector<HourRow>> hours(const HourScan& scan) const override {
        return readers_.ask([&](Reader& reader) { return reader.hours(scan); });
    }

    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                             Position cut) const override {
        return readers_.ask([&](Reader& reader) { return reader.has_any(channel, first_time, last_time, cut); });
    }

    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const override {
        return readers_.ask([&](Reader& reader) { return reader.find(fingerprint, cut); });
    }

    void interrupt() override {
        writer_->interrupt();
        readers_.interrupt();
    }

    Result<void> close() override {
        readers_.close();
        auto done = writer_->finish();
        writer_.reset();
        file_.lock.release();
        return done;
    }

  private:
    Place file_; // its lock goes last
    mutable sqlite::Readers readers_;
    std::unique_ptr<sqlite::Writer> writer_;
};

// Nothing was written that could be in doubt.
std::unexpected<StorageError> not_opened(StorageError error) {
    using Kind = StorageError::Kind;
    if (error.kind == Kind::poisoned || error.kind == Kind::unknown) error.kind = Kind::unusable;
    return std::unexpected(std::move(error));
}

} // namespace

Result<std::unique_ptr<Engine>> open_sqlite(const std::filesystem::path& file) {
    auto claimed = sqlite::claim(file);
    if (!claimed) return not_opened(std::move(claimed).error());
    auto writer = sqlite::Writer::open(claimed->path);
    if (!writer) return not_opened(std::move(writer).error());
    return std::make_unique<SqliteEngine>(*std::move(claimed), *std::move(writer));
}

} // namespace storage
