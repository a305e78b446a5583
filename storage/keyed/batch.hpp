// What one commit changes. Its memory is kept for the next.
#pragma once

#include "protocol/primitives.hpp"
#include "protocol/writer.hpp"
#include "storage/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace storage::keyed {

enum class Table : std::uint8_t { rows, log, times, fingerprints };
inline constexpr std::array<std::string_view, 4> table_names{"rows", "log", "times", "fingerprints"}; // by Table

class Batch {
  public:
    struct Change {
        Table table{};
        bool is_removal = false;
        protocol::ByteView key;
        protocol::ByteView value;
    };

    void clear() {
        written_.clear();
        places_.clear();
        expected_.reset();
        brings_records_ = false;
    }

    // `fill` writes the value.
    template <class Fill> void put(Table table, protocol::ByteView key, Fill fill) {
        begin(table, false, key);
        fill(written_);
        places_.back().end = bytes();
    }
    void remove(Table table, protocol::ByteView key) { begin(table, true, key); }

    // To be compared inside the transaction with the value at the key in Table::rows.
    struct Expected {
        protocol::Bytes key;
        protocol::Bytes value;
        std::size_t term = 0; // the size of what the value begins with

        // What speaks against the batch where this is the value; empty where none is.
        [[nodiscard]] std::optional<StorageError> objection(protocol::ByteView found) const;
    };
    void expect(Expected expected) { expected_ = std::move(expected); }
    [[nodiscard]] const std::optional<Expected>& expected() const { return expected_; }

    // So that each table is changed from its beginning to its end: neighbours share pages. Of two changes of one key
    // the later one stays behind the earlier.
    void sort();

    // Whether something is put into Table::log.
    [[nodiscard]] bool brings_records() const { return brings_records_; }

    [[nodiscard]] std::size_t size() const { return places_.size(); }
    [[nodiscard]] std::size_t bytes() const { return written_.written().size(); }
    [[nodiscard]] Change operator[](std::size_t number) const { return change(places_[number]); }

  private:
    struct Place {
        std::uint64_t order = 0; // the key's first bytes
        std::size_t key = 0;
        std::size_t value = 0;
        std::size_t end = 0;
        Table table{};
        bool is_removal = false;
    };

    void begin(Table table, bool is_removal, protocol::ByteView key);
    [[nodiscard]] Change change(const Place& place) const {
        const protocol::ByteView all = written_.written();
        return {.table = place.table,
                .is_removal = place.is_removal,
                .key = all.subspan(place.key, place.value - place.key),
                .value = all.subspan(place.value, place.end - place.value)};
    }

    protocol::Writer written_; // keys and values
    std::vector<Place> places_;
    std::optional<Expected> expected_;
    bool brings_records_ = false;
};

} // namespace storage::keyed
