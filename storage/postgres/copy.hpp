// Rows in the form of COPY ... (FORMAT binary): https://www.postgresql.org/docs/15/sql-copy.html
#pragma once

#include "protocol/codec.hpp"
#include "protocol/primitives.hpp"
#include "storage/sql/columns.hpp"

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace storage::postgres {

class CopyRows {
  public:
    CopyRows();

    void begin_row(std::size_t columns);
    void smallint(std::uint16_t value) { integer<2>(value); }
    void integer(std::uint32_t value) { integer<4>(value); }
    void bigint(std::uint64_t value) { integer<8>(value); }
    void text(std::string_view value);
    void bytes(protocol::ByteView value);
    void null();

    // A column as schema.cpp declares it.
    template <std::unsigned_integral Integer> void field(const protocol::Field<const Integer>& field) {
        if constexpr (sizeof(Integer) == 1)
            smallint(field.value);
        else
            bigint(field.value); // of difficulties, the bits of a double
    }
    void field(const protocol::Field<const protocol::Str0_255>& field) { text(field.value.text); }
    void field(const protocol::Field<const protocol::Option<std::uint64_t>>& field) {
        field.value ? bigint(*field.value) : null();
    }
    void field(const protocol::Field<const protocol::U256>& field) {
        bytes(field.value == protocol::U256{} ? protocol::ByteView{} : protocol::ByteView{field.value.bytes});
    }
    template <std::size_t max, std::size_t width>
    void field(const protocol::Field<const protocol::VarBytes<max, width>>& field) {
        bytes(field.value.bytes);
    }
    template <class Element, std::size_t max, std::size_t width>
    void field(const protocol::Field<const protocol::Seq<Element, max, width>>& field) {
        bytes(*protocol::encode(field.value)); // it was decoded, so it can be encoded
    }

    // All rows, with their end.
    protocol::Bytes take() &&;

  private:
    template <std::size_t size> void integer(std::uint64_t value) {
        put<4>(size);
        put<size>(value);
    }
    template <std::size_t size> void put(std::uint64_t value) {
        for (std::size_t byte = size; byte > 0; --byte)
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * (byte - 1))));
    }

    protocol::Bytes bytes_;
};

} // namespace storage::postgres
