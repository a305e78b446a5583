// A store of the suite's backend.
#pragma once

#include "storage/keyed/batch.hpp"
#include "tests/storage/engine_scene.hpp"
#include "tests/storage/keyed/backend.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

namespace keyed_tests {

using namespace engine_scene;
using storage::keyed::Batch;
using storage::keyed::KeyValues;
using storage::keyed::Table;

inline std::unique_ptr<Engine> open(const fs::path& path) {
    auto engine = open_engine(path);
    REQUIRE_MESSAGE(engine, (engine ? "" : engine.error().detail));
    return *std::move(engine);
}

inline std::unique_ptr<KeyValues> values(const fs::path& path) {
    auto values = open_values(path);
    REQUIRE_MESSAGE(values, (values ? "" : values.error().detail));
    return *std::move(values);
}

// What opening says, of which `kind` and `words` are expected.
inline void check_refused(const fs::path& path, Kind kind, std::string_view words) {
    const auto engine = open_engine(path);
    REQUIRE_FALSE(engine);
    CAPTURE(engine.error().detail);
    CHECK(storage::to_text(engine.error().kind) == storage::to_text(kind));
    CHECK(engine.error().detail.find(words) != std::string::npos);
    CHECK(engine.error().detail.find(path.native()) != std::string::npos);
}

inline protocol::ByteView bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// All keys and values of a table.
inline std::map<std::string, std::string> content(KeyValues& values, Table table) {
    std::map<std::string, std::string> all;
    auto snapshot = values.snapshot();
    REQUIRE(snapshot);
    auto* const cursor = (*snapshot)->cursor(table).value();
    for (bool is_there = cursor->seek(bytes_of(std::string(8, '\0'))).value(); is_there;
         is_there = cursor->next().value())
        all[{cursor->key().begin(), cursor->key().end()}] = {cursor->value().begin(), cursor->value().end()};
    return all;
}

inline void put(KeyValues& values, Table table, const std::string& key, const std::string& value) {
    Batch batch;
    batch.put(table, bytes_of(key), [&](protocol::Writer& out) { out.put_text(value); });
    REQUIRE(values.commit(batch));
}

} // namespace keyed_tests
