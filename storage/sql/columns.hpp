// Fields <-> columns of the same names, in every database that speaks SQL: a table lists nothing that its struct has
// listed. Integers of 64 bits are kept in two's complement, difficulties as the doubles that their bits are, numbers of
// 256 bits as bytes, none for 0.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/records.hpp"
#include "protocol/storage_requests.hpp"
#include "storage/tally.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace storage::sql {

inline std::string join(std::initializer_list<std::string_view> pieces) {
    std::string joined;
    for (const std::string_view piece : pieces) joined += piece;
    return joined;
}

// What no row reaches, cut to what signed integers can say: for the bounds of ranges.
constexpr std::int64_t bound(std::uint64_t value) {
    constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::min(value, last));
}

// The table of a kind of records.
template <protocol::Record R> constexpr std::string_view table;
template <> inline constexpr std::string_view table<protocol::Share> = "shares";
template <> inline constexpr std::string_view table<protocol::ShareAccounting> = "reports";
template <> inline constexpr std::string_view table<protocol::Block> = "blocks";
template <> inline constexpr std::string_view table<protocol::BlockStatus> = "block_statuses";
template <> inline constexpr std::string_view table<protocol::BatchAcknowledgment> = "acknowledgments";
template <> inline constexpr std::string_view table<protocol::DeclaredJob> = "declared_jobs";
template <> inline constexpr std::string_view table<protocol::Solution> = "solutions";
template <> inline constexpr std::string_view table<protocol::AccountingDeleted> = "deletions";

// Calls `each`, a template over the kinds of records, in their order in AnyRecord; gives the array of the results.
template <class Each> auto for_each_kind(Each each) {
    return [&]<class... R>(std::type_identity<std::variant<R...>>) {
        return std::array { each.template operator()<R>()... };
    }(std::type_identity<protocol::AnyRecord>{});
}

// The fields that have a column each. Instead of a record's channel_id the table has the channel's number.
template <protocol::Record R> auto columns_of(R& record) {
    return R::fields(record);
}
template <class R>
    requires protocol::ChannelRecord<R>
auto columns_of(R& record) {
    return R::fields(record)([](const auto&, const auto&... others) { return protocol::in_order(others...); });
}
template <class T>
    requires std::same_as<std::remove_const_t<T>, Tally>
auto columns_of(T& tally) {
    return T::fields(tally)([](const auto& totals, const auto&... others) {
        return protocol::Totals::fields(totals.value)(
            [&](const auto&... parts) { return protocol::in_order(parts..., others...); });
    });
}

constexpr bool is_real(std::string_view column) {
    return column.ends_with("difficulty");
}

// Separated by commas.
template <class S> std::string names_of() {
    std::string names;
    const S sample{};
    columns_of(sample)(
        [&](const auto&... field) { (names.append(names.empty() ? "" : ", ").append(field.name), ...); });
    return names;
}

// The columns of a row, one after the other. `Rows` gives each by its number: integer(), real(), text(), bytes(),
// is_null().
template <class Rows> class Columns {
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
        columns_of(into)([&](const auto&... field) { (read(field), ...); });
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

} // namespace storage::sql
