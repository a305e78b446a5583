// What the backend of the examples adds to the memory engine: its file. (The conformance suite runs over it, too.)
#include "examples/journal_engine.hpp"
#include "examples/mock_data.hpp"
#include "examples/share_accounting_storage.hpp"
#include "storage/log_store.hpp"
#include "tests/storage/engine_scene.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstddef>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

using namespace examples;
namespace fs = std::filesystem;

namespace {

storage::Result<std::unique_ptr<storage::Store>> open_store(const fs::path& file) {
    auto engine = open_journal(file);
    if (!engine) return std::unexpected(engine.error());
    return storage::LogStore::open(*std::move(engine));
}

struct Scene {
    [[nodiscard]] ShareAccountingStorage storage() const {
        return ShareAccountingStorage{[file = file] { return open_store(file); }};
    }
    [[nodiscard]] std::string bytes() const {
        std::ifstream in{file, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void write(const std::string& bytes) const { std::ofstream{file, std::ios::binary} << bytes; }
    // The error of opening it, which changes nothing.
    [[nodiscard]] storage::StorageError refusal() const {
        const std::string before = bytes();
        const auto opened = open_store(file);
        REQUIRE(!opened);
        CHECK(bytes() == before);
        CHECK(opened.error().detail.starts_with(file.string()));
        return opened.error();
    }

    support::TemporaryFolder folder;
    fs::path file = folder.path() / "journal";
    MockData data = make_mock_data(now());
};

} // namespace

TEST_CASE("a journal that ends within a transaction, wherever, holds all transactions before") {
    Scene scene;
    std::string before;
    std::string after;
    {
        auto storage = scene.storage();
        REQUIRE(storage.initialize());
        REQUIRE(storage.store_share_record(scene.data.shares.at(0)));
        before = scene.bytes();
        REQUIRE(storage.store_share_record(scene.data.shares.at(1)));
        after = scene.bytes(); // as after a kill: not closed
    }
    REQUIRE(after.size() > before.size());
    for (std::size_t size = before.size(); size <= after.size(); ++size) {
        CAPTURE(size);
        const std::string torn = after.substr(0, size);
        // A file can have grown, by zeros, before its data was there.
        for (const std::string& bytes : {torn, torn + std::string(after.size() - size, '\0')}) {
            scene.write(bytes);
            auto storage = scene.storage();
            REQUIRE(storage.initialize());
            CHECK(storage.get_total_shares() == (bytes == after ? 2U : 1U));
        }
    }
}

TEST_CASE("what is stored behind a torn end that was cut off is found again") {
    Scene scene;
    auto storage = scene.storage();
    REQUIRE(storage.initialize());
    REQUIRE(storage.store_share_record(scene.data.shares.at(0)));
    REQUIRE(storage.close());
    scene.write(scene.bytes() + std::string(10, '\x7f'));
    REQUIRE(storage.initialize());
    REQUIRE(storage.store_share_record(scene.data.shares.at(1)));
    REQUIRE(storage.close());
    REQUIRE(storage.initialize());
    CHECK(storage.get_total_shares() == 2U);
}

TEST_CASE("a damaged transaction with others behind it is told, not cut off") {
    Scene scene;
    std::size_t first = 0;
    {
        auto storage = scene.storage();
        REQUIRE(storage.initialize());
        first = scene.bytes().size();
        REQUIRE(storage.store_batch(in_order(scene.data)));
        REQUIRE(storage.close());
    }
    std::string damaged = scene.bytes();
    damaged.at(first + 40) ^= 1;
    scene.write(damaged);
    CHECK(scene.refusal().kind == storage::StorageError::Kind::corrupt);
}

TEST_CASE("a bit that has changed in the header of any frame is told with the frame's place, and nothing is cut off") {
    Scene scene;
    std::vector<std::size_t> frames{8}; // the identity's is the first
    {
        auto storage = scene.storage();
        REQUIRE(storage.initialize());
        for (std::size_t i = 0; i < 3; ++i) {
            frames.push_back(scene.bytes().size());
            REQUIRE(storage.store_share_record(scene.data.shares.at(i)));
        }
        REQUIRE(storage.close());
    }
    const std::string whole = scene.bytes();
    for (const std::size_t frame : frames) {
        for (std::size_t bit = 0; bit < std::size_t{24} * 8; ++bit) {
            CAPTURE(frame);
            CAPTURE(bit);
            std::string damaged = whole;
            damaged.at(frame + bit / 8) ^= static_cast<char>(1U << bit % 8);
            scene.write(damaged);
            const auto refusal = scene.refusal();
            CHECK(refusal.kind == storage::StorageError::Kind::corrupt);
            CHECK(refusal.detail.ends_with("the frame at byte " + std::to_string(frame) + " is damaged"));
        }
    }
}

TEST_CASE("a file that is no journal is not touched") {
    Scene scene;
    for (const std::string bytes : {"no journal, but a text of somebody's", "SV2", "\n", "SV2JOUR2 as it was"}) {
        CAPTURE(bytes);
        scene.write(bytes);
        CHECK(scene.refusal().kind == storage::StorageError::Kind::foreign);
    }
    scene.write("SV2JOUR3and something else");
    CHECK(scene.refusal().kind == storage::StorageError::Kind::corrupt);
}

TEST_CASE("a journal belongs to one process at a time, and has the same identity for ever") {
    Scene scene;
    const auto first = open_store(scene.file);
    REQUIRE(first);
    CHECK(scene.refusal().kind == storage::StorageError::Kind::in_use);
    const auto id = (*first)->data_set().id;
    CHECK(id != 0);
    REQUIRE((*first)->close());
    // Closing a store ends its work; the file is free when the store is gone.
    auto engine = open_journal(scene.folder.path() / "another");
    REQUIRE(engine);
    CHECK((*engine)->load()->data_set.id != id);
}

TEST_CASE("a journal that does not end where what is to be written begins is left alone") {
    Scene scene;
    engine_scene::check_other_heads(**open_journal(scene.file));
}

TEST_CASE("a journal in a folder that is missing cannot be made") {
    const support::TemporaryFolder folder;
    const auto engine = open_journal(folder.path() / "missing" / "journal");
    REQUIRE(!engine);
    CHECK(engine.error().kind == storage::StorageError::Kind::unusable);
    CHECK(engine.error().detail.ends_with("No such file or directory"));
}
