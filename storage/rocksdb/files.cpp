#include "storage/rocksdb/files.hpp"

#include "storage/rocksdb/settings.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace storage::rocksdb {

namespace {

using keyed::Batch;
using keyed::Table;
using protocol::ByteView;
using ::rocksdb::Slice;
using ::rocksdb::Status;

constexpr std::size_t bytes_around_change = 16; // in RocksDB's own batch

} // namespace

Slice slice(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; // NOLINT(*-reinterpret-cast): bytes are bytes
}

ByteView view(const Slice& slice) {
    return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()}; // NOLINT(*-reinterpret-cast)
}

Files::~Files() {
    close().PermitUncheckedError();
}

Status Files::open(const ::rocksdb::DBOptions& options, const std::filesystem::path& folder) {
    const auto cache = new_cache();
    std::vector<::rocksdb::ColumnFamilyDescriptor> families{{::rocksdb::kDefaultColumnFamilyName, {}}};
    for (std::size_t i = 0; i < keyed::table_names.size(); ++i)
        families.emplace_back(std::string{keyed::table_names.at(i)}, table_options(static_cast<Table>(i), cache));
    ::rocksdb::DB* opened = nullptr;
    std::vector<::rocksdb::ColumnFamilyHandle*> handles;
    Status status = ::rocksdb::DB::Open(options, folder.native(), families, &handles, &opened);
    if (!status.ok()) return status;
    database_.reset(opened);
    std::ranges::copy(handles.begin() + 1, handles.end(), tables_.begin());
    return database_->DestroyColumnFamilyHandle(handles.front());
}

Status Files::close() {
    if (!database_) return {};
    for (auto*& table : tables_)
        if (table != nullptr)
            database_->DestroyColumnFamilyHandle(std::exchange(table, nullptr)).PermitUncheckedError();
    Status status = database_->Close();
    database_.reset();
    return status;
}

Status Files::write(const Batch& batch) {
    ::rocksdb::WriteBatch writes{batch.bytes() + (batch.size() * bytes_around_change)};
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const Batch::Change change = batch[i];
        Status status = change.is_removal ? writes.Delete(table(change.table), slice(change.key))
                                          : writes.Put(table(change.table), slice(change.key), slice(change.value));
        if (!status.ok()) return status;
    }
    return database_->Write(write_options(), &writes);
}

Status Files::flush() {
    return database_->Flush({}, {tables_.begin(), tables_.end()});
}

Status Files::get(Table table_of_key, ByteView key, ::rocksdb::PinnableSlice& value) {
    return database_->Get({}, table(table_of_key), slice(key), &value);
}

} // namespace storage::rocksdb
