// What SQLite keeps in the columns of sql/columns.hpp.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/primitives.hpp"
#include "storage/sql/columns.hpp"
#include "storage/sqlite/database.hpp"

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

namespace storage::sqlite {

using sql::bound;
using sql::Columns;
using sql::columns_of;
using sql::for_each_kind;
using sql::is_real;
using sql::names_of;
using sql::table;

template <class Value> std::string_view type_of(const protocol::Field<Value>& field) {
    using Plain = std::remove_const_t<Value>;
    if constexpr (std::unsigned_integral<Plain>) return is_real(field.name) ? "REAL NOT NULL" : "INTEGER NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Str0_255>) return "TEXT NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Option<std::uint64_t>>) return "INTEGER";
    return "BLOB NOT NULL";
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

} // namespace storage::sqlite
