// The file that knows how far a store had come.

#include "src/watermark.hpp"

#include "src/logging.hpp"
#include "tests/src/no_room_in_files.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t data_set = 0x5eed;
constexpr std::size_t slot_size = 512;

storage::Mark mark(storage::Position position) {
    storage::Mark mark{.data_set = {.id = data_set, .generation = 3}, .position = position, .chain = {}};
    mark.chain.front() = 0xab;
    mark.chain.back() = static_cast<std::uint8_t>(position);
    return mark;
}

struct WatermarkScene {
    support::TemporaryFolder folder;
    fs::path file = folder.path() / "watermark-0000000000005eed";
    std::ostringstream log;
    role::Logging logging{{std::make_shared<spdlog::sinks::ostream_sink_mt>(log)}, spdlog::level::debug};

    auto try_open() { return role::Watermark::open(folder.path(), data_set, logging.part("store")); }
    role::Watermark open() { return try_open().value(); }
    void write(storage::Position first, storage::Position last) {
        auto watermark = open();
        for (auto position = first; position <= last; ++position) watermark.write(mark(position));
    }
    std::optional<storage::Mark> found() { return open().found(); }

    [[nodiscard]] std::string content() const {
        std::ifstream in{file};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void set_content(const std::string& content) const { std::ofstream{file} << content; }

    void check_refused(const std::string& why) {
        const auto refused = try_open();
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().find(file.string()) != std::string::npos);
        CAPTURE(refused.error());
        CHECK(refused.error().find(why) != std::string::npos);
    }
};

} // namespace

TEST_CASE("a new watermark is an empty file of its owner's, and nothing is found in it") {
    const auto mask = ::umask(0);
    WatermarkScene scene;
    CHECK(scene.open().file() == scene.file);
    ::umask(mask);
    struct stat status{};
    REQUIRE(::stat(scene.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0600);
    CHECK(status.st_size == 0);
    CHECK(scene.found() == std::nullopt); // nor is there when it was left so
}

TEST_CASE("what was written last is found, however often it was written") {
    WatermarkScene scene;
    for (storage::Position last = 1; last <= 12; ++last) {
        scene.write(last, last);
        CHECK(scene.found() == mark(last));
    }
    scene.write(7, 13);
    CHECK(scene.found() == mark(13));
    scene.write(2, 2); // an accepted loss: the last write counts, not the highest position
    CHECK(scene.found() == mark(2));
}

TEST_CASE("the file has its size from the first write on: two lines of text, written in turn") {
    WatermarkScene scene;
    scene.write(1, 1);
    std::string before = scene.content();
    CHECK(before.size() == 2 * slot_size);
    CHECK(before.starts_with("storage-sv2 watermark 1 1 0000000000005eed 3 1 ab0000"));
    CHECK(before.substr(slot_size).starts_with("storage-sv2 watermark 1 2 0000000000005eed 3 1 ab0000"));
    CHECK(before[slot_size - 1] == '\n');
    CHECK(before.back() == '\n');
    for (storage::Position position = 2; position <= 5; ++position) {
        scene.write(position, position);
        const std::string after = scene.content();
        REQUIRE(after.size() == before.size());
        const bool first_stays = after.substr(0, slot_size) == before.substr(0, slot_size);
        const bool second_stays = after.substr(slot_size) == before.substr(slot_size);
        CHECK(first_stays == (position % 2 == 1));
        CHECK(second_stays == !first_stays);
        before = after;
    }
}

TEST_CASE("a write that was cut off anywhere costs its slot, and the one before is found") {
    WatermarkScene scene;
    scene.write(1, 2);
    const std::string before = scene.content();
    scene.write(3, 3);
    const std::string after = scene.content();
    REQUIRE(before.substr(0, slot_size) == after.substr(0, slot_size));
    for (std::size_t torn = 0; torn <= slot_size; ++torn) {
        CAPTURE(torn);
        scene.set_content(after.substr(0, slot_size + torn) + before.substr(slot_size + torn));
        const auto found = scene.found();
        REQUIRE(found.has_value());
        CHECK((*found == mark(3) || *found == mark(2)));
        CHECK((*found == mark(3)) == (scene.content() == after));
    }
    scene.set_content(after.substr(0, slot_size) + std::string(slot_size, '\0'));
    CHECK(scene.found() == mark(2));
    scene.write(4, 4); // goes where nothing is lost by it
    CHECK(scene.content().starts_with(after.substr(0, slot_size)));
    CHECK(scene.found() == mark(4));
}

TEST_CASE("a slot with any other byte is none, and a file without a whole slot is refused by its name") {
    WatermarkScene scene;
    scene.write(1, 2);
    const std::string whole = scene.content();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        CAPTURE(i);
        std::string damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        scene.set_content(damaged);
        CHECK(scene.found() == mark(i < slot_size ? 1 : 2));
        damaged[(i + slot_size) % whole.size()] = '#';
        scene.set_content(damaged);
        scene.check_refused("holds no whole watermark of data set 0000000000005eed");
    }
}

TEST_CASE("a text of somebody else, and another data set's watermark under this name, are refused") {
    WatermarkScene scene;
    for (const std::string foreign : {"x", "storage-sv2 watermark 1", "storage-sv2 watermark 1 1 5eed 3 1 ab cd\n"}) {
        scene.set_content(foreign);
        scene.check_refused("holds no whole watermark");
        CHECK(scene.content() == foreign);
    }
    role::Watermark::open(scene.folder.path(), 7, scene.logging.part("store"))
        .value()
        .write({.data_set = {.id = 7, .generation = 1}, .position = 1, .chain = {}});
    fs::rename(scene.folder.path() / "watermark-0000000000000007", scene.file);
    scene.check_refused("holds no whole watermark of data set 0000000000005eed");
}

TEST_CASE("what is no regular file is refused by its name") {
    WatermarkScene scene;
    SUBCASE("a folder") {
        fs::create_directory(scene.file);
        scene.check_refused("cannot be read");
    }
    SUBCASE("a link, also to a watermark") {
        scene.write(1, 1);
        fs::rename(scene.file, scene.folder.path() / "elsewhere");
        fs::create_symlink("elsewhere", scene.file);
        scene.check_refused("cannot be read");
    }
    SUBCASE("a pipe") {
        REQUIRE(::mkfifo(scene.file.c_str(), 0600) == 0);
        scene.check_refused("is no regular file");
    }
}

TEST_CASE("a write that fails is told once, and once more when it goes again") {
    WatermarkScene scene;
    auto watermark = scene.open();
    {
        const role_scene::NoRoomInFiles full;
        watermark.write(mark(1));
        watermark.write(mark(2));
    }
    CHECK(scene.found() == std::nullopt);
    watermark.write(mark(3));
    watermark.write(mark(4));
    {
        const role_scene::NoRoomInFiles full;
        watermark.write(mark(5));
    }
    CHECK(scene.found() == mark(4));
    watermark.write(mark(6));
    CHECK(scene.found() == mark(6));
    std::string lines = scene.log.str();
    const auto count = [&](const std::string& what) {
        int times = 0;
        for (auto at = lines.find(what); at != std::string::npos; at = lines.find(what, at + 1)) ++times;
        return times;
    };
    CHECK(count(scene.file.string() + " cannot be written: File too large; ") == 2);
    CHECK(count(scene.file.string() + " is written again") == 2);
}

TEST_CASE("the watermarks of other data sets are told from it and from what else is there") {
    WatermarkScene scene;
    for (const char* name : {"watermark-00000000000000ff", "watermark-000000000000000a", "watermark-5eed", "lock",
                             "watermark-000000000000000b.accepted"})
        std::ofstream{scene.folder.path() / name};
    CHECK(role::other_watermarks(scene.open()) ==
          std::vector<fs::path>{scene.folder.path() / "watermark-000000000000000a",
                                scene.folder.path() / "watermark-00000000000000ff"});
}
