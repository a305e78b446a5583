// The memory log's rows, whose blocks nobody outside sees: these positions lie in several.

#include "storage/memory/rows.hpp"
#include "tests/storage/scene.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace fixtures;
using namespace storage;

namespace {

constexpr Position last = 1000;

// Each of another length.
LogEntry entry(Position position, std::size_t padding = 0) {
    LogEntry made;
    made.position = position;
    made.sequence = position + 1;
    made.stream = 3;
    made.bytes.assign(1 + position % 50 + padding, static_cast<std::uint8_t>(position));
    made.checksum = position * 7;
    return made;
}

bool is_whole(const LogEntry& found, std::size_t padding = 0) {
    const LogEntry made = entry(found.position, padding);
    return found.bytes == made.bytes && found.sequence == made.sequence && found.stream == made.stream &&
           found.checksum == made.checksum;
}

Rows filled() {
    Rows rows;
    for (Position position = 1; position <= last; ++position) rows.insert(entry(position));
    return rows;
}

} // namespace

TEST_CASE("rows are read from one position to another, ascending, as far as the limit") {
    const Rows rows = filled();
    CHECK(rows.read(1, last, last).size() == last);
    CHECK(rows.read(0, last + 1, last).size() == last);
    CHECK(rows.read(last + 1, last + 5, 1).empty());
    CHECK(rows.read(5, 4, 1).empty());
    const auto found = rows.read(250, 260, 8); // a block ends between them
    REQUIRE(found.size() == 8);
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].position == 250 + i);
        CHECK(is_whole(found[i]));
    }
    CHECK(Rows{}.read(0, last, 1).empty());
}

TEST_CASE("a row that is removed is not found, and all others stay as they are") {
    Rows rows = filled();
    const auto stays = [](Position position) { return position % 97 == 0; };
    for (Position position = 1; position <= last; ++position)
        if (!stays(position)) rows.remove(position);
    rows.remove(5); // again
    rows.remove(last + 1);
    for (Position position = 1; position <= last; ++position) {
        const auto found = rows.find(position);
        CHECK(found.has_value() == stays(position));
        if (found) CHECK(is_whole(*found));
    }
    CHECK(rows.read(1, last, last).size() == last / 97);
    rows.insert(entry(last + 1));
    CHECK(is_whole(*rows.find(last + 1)));
}

TEST_CASE("a row may be put anywhere where there is none") {
    Rows rows;
    for (Position position = 2 * last; position > last; position -= 2) rows.insert(entry(position));     // below all
    for (Position position = last + 1; position < 2 * last; position += 2) rows.insert(entry(position)); // between
    for (const Position position : {last + 1, last + 500, 2 * last}) {
        rows.remove(position);
        CHECK(!rows.find(position));
        rows.insert(entry(position));
    }
    const auto found = rows.read(0, 3 * last, 3 * last);
    REQUIRE(found.size() == last);
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i].position == last + 1 + i);
        CHECK(is_whole(found[i]));
    }
}

TEST_CASE("a row is put between those of a block that is full") {
    Rows rows;
    for (Position position = 2; position <= 2 * last; position += 2) {
        rows.insert(entry(position));
        if (position > 4) rows.insert(entry(position - 3));
    }
    const auto found = rows.read(0, 3 * last, 3 * last);
    REQUIRE(found.size() == 2 * last - 2);
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(is_whole(found[i]));
    CHECK(std::ranges::is_sorted(found, {}, &LogEntry::position));
    for (const LogEntry& each : found) CHECK(rows.find(each.position));
}

TEST_CASE("what is removed gives its memory back, however few stay of each block") {
    Rows rows = filled();
    const std::size_t room = rows.room();
    for (Position position = 1; position <= last; ++position)
        if (position % 100 != 0) rows.remove(position);
    CHECK(rows.read(0, last, last).size() == last / 100);
    CHECK(rows.room() < room / 25);
}

TEST_CASE("rows may be as long as records may be, and all of them may go") {
    constexpr std::size_t padding = protocol::max_record_size - 100;
    Rows rows;
    for (Position position = 1; position <= 5; ++position) rows.insert(entry(position, padding));
    for (Position position = 1; position <= 5; ++position) {
        CHECK(is_whole(*rows.find(position), padding));
        rows.remove(position);
        CHECK(rows.read(1, 5, 5).size() == 5 - position);
    }
    rows.insert(entry(6));
    CHECK(is_whole(*rows.find(6)));
}
