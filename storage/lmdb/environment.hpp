// LMDB's interface as a key-value store of ours. Here its results become errors of ours.
#pragma once

#include "storage/disk.hpp"
#include "storage/error.hpp"
#include "storage/keyed/batch.hpp"
#include "storage/keyed/key_values.hpp"
#include "storage/lmdb/bus_error.hpp"
#include "storage/place.hpp"
#include "storage/shared_mutex.hpp"

#include <lmdb.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace storage::lmdb {

class View;

class Environment final : public keyed::KeyValues {
  public:
    // Of a new store, in a file that is missing; closed again.
    static Result<void> make(const std::filesystem::path& file, const keyed::Batch& first);
    // What the store says of itself, read without changing anything; nothing if it is not there. `file` is long enough.
    static Result<std::optional<protocol::Bytes>> value_of(const std::filesystem::path& file, protocol::ByteView key);
    static Result<std::unique_ptr<Environment>> open(Place place, std::uint64_t most_bytes);
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    Environment(Environment&&) = delete;
    Environment& operator=(Environment&&) = delete;
    ~Environment() override;

    [[nodiscard]] std::string_view name() const override { return "lmdb"; }
    Result<void> commit(const keyed::Batch& batch) override;
    Result<std::unique_ptr<keyed::Snapshot>> snapshot() override;
    [[nodiscard]] std::string warning() const override { return disk_.warning(); }
    Result<void> close() override;

  private:
    friend class Lease;

    struct Closer {
        void operator()(MDB_env* environment) const { ::mdb_env_close(environment); }
    };
    using Handle = std::unique_ptr<MDB_env, Closer>;
    using Tables = std::array<MDB_dbi, keyed::table_names.size()>;

    Environment(Place place, std::uint64_t most_bytes);

    static Result<Handle> open_file(const std::filesystem::path& file, unsigned flags, std::uint64_t size);
    static int open_tables(MDB_env& environment, unsigned flags, Tables& tables);
    // What a batch of changes comes to: LMDB's result, unless there is an objection.
    static int apply(MDB_env& environment, const Tables& tables, const keyed::Batch& batch,
                     std::optional<StorageError>& objection);
    bool forget_dead_readers();
    Result<void> grow(bool brings_records);
    void give_back(std::unique_ptr<View> view);

    Place place_; // its lock goes last
    std::uint64_t most_bytes_;
    Disk disk_;
    std::uint64_t size_ = 0; // of the file, and of its map
    Handle environment_;
    Tables tables_{};
    std::optional<BusErrorWatch> watch_; // goes before the environment
    SharedMutex mutex_;                  // held alone while the file gets another place in memory
    std::mutex idle_mutex_;
    std::vector<std::unique_ptr<View>> idle_; // they hold no pages
};

} // namespace storage::lmdb
