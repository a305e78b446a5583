#include "storage/sqlite/store_file.hpp"

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/schema.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

namespace storage::sqlite {

namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

// At `offset` of SQLite's file header, whose integers are big-endian.
std::uint32_t integer(std::string_view header, std::size_t offset) {
    std::uint32_t value = 0;
    for (const char c : header.substr(offset, 4)) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

// That the file is a store of this version. Its header tells, and never changes; through SQLite, a look at a database
// of another program could change it. This process must not have the file open: closing it would end SQLite's locks.
Result<void> inspect(const fs::path& file) {
    std::array<char, 100> bytes{};
    const int descriptor = open_file(file, O_RDONLY);
    if (descriptor < 0) return unusable(file, last_error());
    const ssize_t size = ::pread(descriptor, bytes.data(), bytes.size(), 0);
    const std::error_code error = last_error();
    ::close(descriptor);
    if (size < 0) return unusable(file, error);

    const std::string_view header{bytes.data(), bytes.size()};
    if (!header.starts_with("SQLite format 3\0"sv) || integer(header, 68) != application_id)
        return foreign(file, "of another program");
    return check_version(file, integer(header, 60), schema_version);
}

Result<void> fill(const fs::path& file) {
    const auto database = Database::open(file, Use::create);
    if (!database) return std::unexpected(database.error());
    std::string header = "PRAGMA synchronous = FULL; BEGIN; PRAGMA application_id = ";
    header += std::to_string(application_id);
    header += "; PRAGMA user_version = ";
    header += std::to_string(schema_version);
    if (auto done = (*database)->execute(header.c_str()); !done) return done;
    if (auto done = (*database)->execute(schema().c_str()); !done) return done;

    if (::sodium_init() < 0) return unusable(file, "no source of randomness");
    std::uint64_t id = 0;
    while (id == 0) ::randombytes_buf(&id, sizeof id); // 0 is for clients that remember none
    std::array<std::uint8_t, 16> fingerprint_key{};
    ::randombytes_buf(fingerprint_key.data(), fingerprint_key.size());
    const ChainLink chain{};
    Statement data_set{**database, "INSERT INTO data_set VALUES (1, ?1, 1, ?2)"};
    if (auto done = data_set.execute(id, protocol::ByteView{fingerprint_key}); !done) return done;
    Statement head{**database, "INSERT INTO head VALUES (1, 0, 0, ?1, 0, ?1)"};
    if (auto done = head.execute(protocol::ByteView{chain}); !done) return done;
    return (*database)->execute("COMMIT");
}

Result<void> make(const fs::path& file) {
    for (const std::string_view ending : {"-wal", "-journal"})
        if (const fs::path journal = beside(file, ending); fs::exists(journal))
            return unusable(journal, "belongs to a database that is gone; bring that back, or move this away");

    const fs::path draft = beside(file, ".new");
    const auto remove_draft = [&draft] {
        std::error_code error;
        for (const std::string_view ending : {"", "-journal"})
            if (!error) fs::remove(beside(draft, ending), error);
        return error;
    };
    if (const auto error = remove_draft()) return unusable(draft, error); // of one that was killed
    const int descriptor = open_file(draft, O_RDWR | O_CREAT | O_EXCL);
    if (descriptor < 0) return unusable(draft, last_error());
    ::close(descriptor);
    if (auto done = fill(draft); !done) {
        std::ignore = remove_draft(); // else the next try does
        return done;
    }
    return put_in_place(draft, file);
}

} // namespace

Result<Place> claim(const std::filesystem::path& file) {
    return storage::claim(file, {.inspect = inspect, .make = make});
}

} // namespace storage::sqlite
