// An engine in a folder of its own, what is in it, and whatever else looks at its files.
#pragma once

#include "storage/engine.hpp"
#include "tests/storage/engine_log.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace engine_scene {

namespace fs = std::filesystem;
using storage::Engine;
using storage::StorageError;
using Kind = StorageError::Kind;
using Positions = std::vector<Position>;

template <class T> Kind kind(const storage::Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().kind;
}

inline std::vector<LogEntry> all(const Engine& engine) {
    auto entries = engine.read(1, end_of_numbers, end_of_numbers);
    REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().detail));
    return *std::move(entries);
}

inline Positions positions(const storage::Result<std::vector<LogEntry>>& entries) {
    REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().detail));
    Positions positions;
    for (const LogEntry& entry : *entries) positions.push_back(entry.position);
    return positions;
}

inline Position head(Engine& engine) {
    const auto contents = engine.load();
    REQUIRE(contents);
    return contents->head.position;
}

inline void check_same(const LogEntry& read, const LogEntry& written) {
    CAPTURE(written.position);
    CHECK(read.position == written.position);
    CHECK(read.stream == written.stream);
    CHECK(read.sequence == written.sequence);
    CHECK(read.received_at == written.received_at);
    CHECK(read.verdict == written.verdict);
    CHECK(read.bytes == written.bytes);
    CHECK(read.checksum == written.checksum);
    CHECK(read.channel == written.channel);
    CHECK(read.time == written.time);
    REQUIRE(read.content.has_value() == written.content.has_value());
    if (!read.content) return;
    CHECK(read.content->record == written.content->record);
    CHECK(read.content->extra == written.content->extra);
    CHECK(read.content->verdict == written.content->verdict);
}

// That the log holds whole entries at positions 1, 2, 3, ..., and that its head says so.
inline void check_whole(Engine& engine) {
    const auto contents = engine.load();
    REQUIRE(contents);
    const auto entries = all(engine);
    REQUIRE(entries.size() == contents->head.position);
    storage::ChainLink chain{};
    std::map<std::uint32_t, std::uint64_t> sequences;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        REQUIRE(entries[i].position == i + 1);
        REQUIRE(storage::check(entries[i]));
        REQUIRE(entries[i].sequence == ++sequences[entries[i].stream]);
        chain = storage::next_link(chain, entries[i].checksum);
    }
    CHECK(chain == contents->head.chain);
    for (const auto& row : contents->streams) {
        CHECK(row.durable_sequence == sequences[row.number]);
        const auto of_stream = engine.read_stream(row.number, 1, end_of_numbers);
        REQUIRE(of_stream);
        CHECK(of_stream->size() == row.durable_sequence);
    }
}

// That nothing is written behind another head than the engine's, whatever of it differs but the term.
inline void check_other_heads(Engine& engine) {
    Log log{engine};
    REQUIRE(engine.write(log.add_shares(1, 2).close_run().expire(2).add_shares(1, 3).take()));
    const storage::Head head = engine.load()->head;
    const Transaction records = log.add_shares(1, 2).derive({1}, {1}).take();
    const std::vector<void (*)(storage::Head&)> changes{
        [](storage::Head& other) { --other.position; }, [](storage::Head& other) { ++other.position; },
        [](storage::Head& other) { other.chain.back() ^= 1; }, [](storage::Head& other) { other.removed = 0; },
        [](storage::Head& other) { other.removed_chain[0] ^= 1; }};
    for (std::size_t i = 0; i < changes.size(); ++i) {
        CAPTURE(i);
        for (Transaction late : {records, storage::behind(head)}) {
            changes[i](late.expected);
            CHECK(kind(engine.write(late)) == Kind::unknown);
        }
        CHECK(engine.load()->head == head);
        CHECK(engine.load()->derived.empty());
        CHECK(all(engine).size() == 5);
    }
    CHECK(engine.write(records));
    check_whole(engine);
}

inline std::map<std::string, std::string> files_in(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator{folder}) {
        std::ifstream in{entry.path(), std::ios::binary};
        files[entry.path().filename()] = {std::istreambuf_iterator<char>{in}, {}};
    }
    return files;
}

// Runs `what` in a process of its own; its exit code, or minus the signal that ended it.
template <class What> int in_child(What what) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 99;
        try {
            code = what();
        } catch (...) {
            code = 98;
        }
        _exit(code);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Scene {
    support::TemporaryFolder folder;
    fs::path file = folder.path() / "store.db";
};

} // namespace engine_scene
