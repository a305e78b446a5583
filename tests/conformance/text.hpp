// Whether two answers are the same, and what a difference shows.
#pragma once

#include "protocol/message.hpp"
#include "storage/store.hpp"
#include "tests/conformance/model.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace conformance {

// Of the structs that have no ==.
inline auto parts_of(const storage::Attachment& a) {
    return std::tie(a.stream, a.epoch, a.durable_sequence);
}
inline auto parts_of(const storage::StreamName& name) {
    return std::tie(name.identity, name.stream_id);
}
inline auto parts_of(const storage::Range& range) {
    return std::tie(range.start, range.end);
}
inline auto parts_of(const storage::RecordCursor& cursor) {
    return std::tie(cursor.cut, cursor.time, cursor.position);
}
inline auto parts_of(const storage::RangeTotals& of) {
    return std::tie(of.range, of.totals);
}
inline auto parts_of(const storage::PoolTotals& of) {
    return std::tie(of.position, of.channels, of.in_range);
}
inline auto parts_of(const storage::Report& report) {
    return std::tie(report.record, report.derived_before);
}
inline auto parts_of(const storage::Accounting& of) {
    return std::tie(of.derived, of.reported);
}
inline auto parts_of(const storage::Drift& drift) {
    return std::tie(drift.channel_id, drift.report);
}
inline auto parts_of(const storage::Hour& hour) {
    return std::tie(hour.number, hour.totals);
}

template <class T>
concept HasParts = requires(const T& value) { parts_of(value); };

template <class T> bool same(const T& a, const T& b) {
    if constexpr (HasParts<T>) {
        const auto left = parts_of(a);
        const auto right = parts_of(b);
        return [&]<std::size_t... i>(std::index_sequence<i...>) {
            return (same(std::get<i>(left), std::get<i>(right)) && ...);
        }(std::make_index_sequence<std::tuple_size_v<decltype(left)>>{});
    } else if constexpr (requires { a.has_value(); } && !requires { a.error(); }) {
        return a.has_value() == b.has_value() && (!a || same(*a, *b));
    } else if constexpr (requires { a.begin(); }) {
        return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return same(x, y); });
    } else {
        return a == b;
    }
}

template <class T> void write(std::ostream& out, const T& value) {
    if constexpr (HasParts<T>) {
        std::apply([&](const auto&... part) { ((write(out, part), out << ' '), ...); }, parts_of(value));
    } else if constexpr (std::integral<T>) {
        out << +value;
    } else if constexpr (std::convertible_to<T, std::string_view>) {
        out << '\'' << std::string_view{value} << '\'';
    } else if constexpr (requires { value.text; }) {
        out << '\'' << value.text << '\'';
    } else if constexpr (requires { value.bytes; }) {
        constexpr std::size_t enough = 200;
        out << support::to_hex(std::span{value.bytes}.first(std::min(value.bytes.size(), enough)));
        if (value.bytes.size() > enough) out << "... of " << value.bytes.size() << " bytes";
    } else if constexpr (requires { value.has_value(); }) {
        if (value)
            write(out, *value);
        else
            out << "none";
    } else if constexpr (requires { value.items; }) {
        for (const auto& item : value.items) out << ' ', write(out, item);
    } else if constexpr (requires { value.begin(); }) {
        for (const auto& item : value) write(out, item), out << '\n';
    } else {
        out << '{';
        T::fields(value)(
            [&](const auto&... field) { ((out << field.name << '=', write(out, field.value), out << ' '), ...); });
        out << '}';
    }
}

template <class T> std::string text(const T& value) {
    std::ostringstream out;
    write(out, value);
    return out.str();
}
std::string text(const storage::Outcome& outcome);
std::string text(const storage::Submission& submission);

} // namespace conformance
