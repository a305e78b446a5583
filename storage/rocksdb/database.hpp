// RocksDB's interface as a key-value store of ours. Here its results become errors of ours.
#pragma once

#include "storage/disk.hpp"
#include "storage/error.hpp"
#include "storage/keyed/batch.hpp"
#include "storage/keyed/key_values.hpp"
#include "storage/place.hpp"
#include "storage/rocksdb/files.hpp"
#include "storage/shared_mutex.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace storage::rocksdb {

class View;

class Database final : public keyed::KeyValues {
  public:
    // Of a new store, in an empty folder; closed again.
    static Result<void> make(const std::filesystem::path& folder, const keyed::Batch& first);
    static Result<std::unique_ptr<Database>> open(Place place);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    Database(Database&&) = delete;
    Database& operator=(Database&&) = delete;
    ~Database() override;

    [[nodiscard]] std::string_view name() const override { return "rocksdb"; }
    Result<void> commit(const keyed::Batch& batch) override;
    Result<std::unique_ptr<keyed::Snapshot>> snapshot() override;
    [[nodiscard]] std::string warning() const override { return disk_.warning(); }
    Result<void> close() override;

  private:
    friend class Lease;

    explicit Database(Place place);

    Result<void> open_files();
    void close_files();
    // The files are open as long as this is held. They are closed by a commit that found no space: what is in them is
    // then read again, as at a start.
    Result<std::shared_lock<SharedMutex>> opened();
    Result<void> check_expected(const keyed::Batch::Expected& expected);
    Result<void> check_space(bool brings_records);
    void give_back(std::unique_ptr<View> view);

    Place place_; // its lock goes last
    Disk disk_;
    SharedMutex mutex_; // held alone to open and close the files
    Files files_;
    bool is_in_doubt_ = false; // a commit has failed: nothing is written that was not asked for

    // Of the state after the last commit only: what is older would keep files from being removed.
    std::mutex idle_mutex_;
    std::uint64_t commits_ = 0;
    std::vector<std::unique_ptr<View>> idle_;
};

} // namespace storage::rocksdb
