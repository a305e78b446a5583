#include "storage/lmdb/lmdb_engine.hpp"

#include "storage/keyed/keyed_engine.hpp"
#include "storage/keyed/keys.hpp"
#include "storage/keyed/values.hpp"
#include "storage/lmdb/data_file.hpp"
#include "storage/lmdb/environment.hpp"
#include "storage/place.hpp"

#include <string_view>
#include <system_error>

namespace storage {

namespace {

namespace fs = std::filesystem;

Result<void> inspect(const fs::path& file) {
    if (auto whole = lmdb::check_length(file); !whole) return whole;
    const auto value = lmdb::Environment::value_of(file, keyed::row_key(keyed::RowKind::store));
    if (!value) return std::unexpected(value.error());
    const auto& stored = *value;
    if (!stored) return foreign(file, "of another program");
    const auto row = keyed::store_row(*stored);
    if (!row || row->mark != keyed::StoreRow{}.mark) return foreign(file, "of another program");
    return check_version(file, row->version, keyed::schema_version);
}

Result<void> make(const fs::path& file) {
    const fs::path draft = beside(file, ".new");
    std::error_code error;
    for (const std::string_view ending : {"", "-lock"})
        if (fs::remove(beside(draft, ending), error); error) return unusable(draft, error);
    const auto first = keyed::first_batch();
    if (!first) return std::unexpected(first.error());
    if (auto done = lmdb::Environment::make(draft, *first); !done) return done;
    fs::remove(beside(draft, "-lock"), error);
    return put_in_place(draft, file);
}

} // namespace

Result<std::unique_ptr<keyed::KeyValues>> open_lmdb_values(const fs::path& file, std::uint64_t most_bytes) {
    auto place = claim(file, {.is_folder = false, .inspect = inspect, .make = make});
    if (!place) return std::unexpected(place.error());
    return lmdb::Environment::open(*std::move(place), most_bytes);
}

Result<std::unique_ptr<Engine>> open_lmdb(const fs::path& file, std::uint64_t most_bytes) {
    auto values = open_lmdb_values(file, most_bytes);
    if (!values) return std::unexpected(values.error());
    return std::make_unique<keyed::KeyedEngine>(*std::move(values));
}

} // namespace storage
