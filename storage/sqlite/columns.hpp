// Fields <-> columns of the same names: a table lists nothing that its struct has listed. Integers of 64 bits are kept
// in two's complement, difficulties as the doubles that their bits are, numbers of 256 bits as blobs, empty for 0.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/tally.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace storage::sqlite {

// The fields that have a column each. Instead of a record's channel_id the table has the channel's number.
template <protocol::Record R> auto columns_of(R& record) {
    return R::fields(record);
}
template <class R>
    requires protocol::ChannelRecord<R>
auto columns_of(R& record) {
    return std::apply([](const auto&, const auto&... others) { return std::tuple{others...}; }, R::fields(record));
}
template <class T>
    requires std::same_as<std::remove_const_t<T>, Tally>
auto columns_of(T& tally) {
    return std::apply(
        [](const auto& totals, const auto&... others) {
            return std::tuple_cat(protocol::Totals::fields(totals.value), std::tuple{others...});
        },
        T::fields(tally));
}

constexpr bool is_real(std::string_view column) {
    return column.ends_with("difficulty");
}

template <class Value> std::string_view type_of(const protocol::Field<Value>& field) {
    using Plain = std::remove_const_t<Value>;
    if constexpr (std::unsigned_integral<Plain>) return is_real(field.name) ? "REAL NOT NULL" : "INTEGER NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Str0_255>) return "TEXT NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Option<std::uint64_t>>) return "INTEGER";
    return "BLOB NOT NULL";
}

// Separated by commas.
template <class S> std::string names_of() {
    std::string names;
    const S sample{};
    std::apply([&](const auto&... field) { (names.append(names.empty() ? "" : ", ").append(field.name), ...); },
               columns_of(sample));
    return names;
}

// What is bound for a field. It may point into the field.
template <std::unsigned_integral Integer>
std::variant<std::uint64_t, double> stored(const protocol::Field<const Integer>& field) {
    if (is_real(field.name)) return std::bit_cast<double>(std::uint64_t{field.value});
    return field.value;
}
inline std::string_view stored(const protocol::Field<const protocol::Str0_255>& field) {
    return field.value.text;
}
inline std::optional<std::uint64_t> stored(const protocol::Field<const protocol::Option<std::uint64_t>>& field) {
    return field.value;
}
inline protocol::ByteView stored(const protocol::Field<const protocol::U256>& field) {
    if (field.value == protocol::U256{}) return {};
    return field.value.bytes;
}
template <std::size_t max, std::size_t width>
protocol::ByteView stored(const protocol::Field<const protocol::VarBytes<max, width>>& field) {
    return field.value.bytes;
}
template <class Element, std::size_t max, std::size_t width>
protocol::Bytes stored(const protocol::Field<const protocol::Seq<Element, max, width>>& field) {
    return *protocol::encode(field.value); // it was decoded, so it can be encoded
}

// The columns of a row, one after the other.
class Columns {
  public:
    explicit Columns(const Rows& rows) : rows_{rows} {}

    template <std::unsigned_integral Integer = std::uint64_t> Integer integer() {
        return static_cast<Integer>(rows_.integer(next_++));
    }
    std::string text() { return std::string{rows_.text(next_++)}; }
    protocol::Bytes bytes() {
        const protocol::ByteView view = rows_.bytes(next_++);
        return {view.begin(), view.end()};
    }
    template <std::size_t size> void bytes(std::array<std::uint8_t, size>& to) { copy(rows_.bytes(next_++), to); }

    template <class S> void fields(S& into) {
        std::apply([&](const auto&... field) { (read(field), ...); }, columns_of(into));
    }

    // Whether one held what no field can.
    [[nodiscard]] bool is_damaged() const { return is_damaged_; }

  private:
    template <std::size_t size> void copy(protocol::ByteView from, std::array<std::uint8_t, size>& to) {
        if (from.size() == size)
            std::ranges::copy(from, to.begin());
        else
            is_damaged_ = true;
    }
    template <std::unsigned_integral Integer> void read(const protocol::Field<Integer>& field) {
        field.value = static_cast<Integer>(is_real(field.name) ? std::bit_cast<std::uint64_t>(rows_.real(next_))
                                                               : rows_.integer(next_));
        ++next_;
    }
    void read(const protocol::Field<protocol::Str0_255>& field) { field.value.text = text(); }
    void read(const protocol::Field<protocol::Option<std::uint64_t>>& field) {
        if (!rows_.is_null(next_)) field.value = rows_.integer(next_);
        ++next_;
    }
    void read(const protocol::Field<protocol::U256>& field) {
        const protocol::ByteView view = rows_.bytes(next_++);
        if (!view.empty()) copy(view, field.value.bytes);
    }
    template <std::size_t max, std::size_t width>
    void read(const protocol::Field<protocol::VarBytes<max, width>>& field) {
        field.value.bytes = bytes();
    }
    template <class Element, std::size_t max, std::size_t width>
    void read(const protocol::Field<protocol::Seq<Element, max, width>>& field) {
        auto decoded = protocol::decode<protocol::Seq<Element, max, width>>(rows_.bytes(next_++));
        if (decoded)
            field.value = *std::move(decoded);
        else
            is_damaged_ = true;
    }

    const Rows& rows_;
    int next_ = 0;
    bool is_damaged_ = false;
};

} // namespace storage::sqlite
