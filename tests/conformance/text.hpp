// What a failed check shows, and what two answers are compared by where their structs have no ==.
#pragma once

#include "protocol/message.hpp"
#include "storage/store.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace conformance {

template <class T> void write(std::ostream& out, const T& value) {
    if constexpr (std::integral<T>) {
        out << +value;
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
    } else {
        out << '{';
        std::apply(
            [&](const auto&... field) { ((out << field.name << '=', write(out, field.value), out << ' '), ...); },
            T::fields(value));
        out << '}';
    }
}

inline std::string text(const std::string& value) {
    return value;
}
template <protocol::Struct S> std::string text(const S& value) {
    std::ostringstream out;
    write(out, value);
    return out.str();
}
template <class T> std::string text(const std::optional<T>& value) {
    return value ? text(*value) : "none";
}
template <class T> std::string text(const std::vector<T>& values) {
    std::string all;
    for (const T& value : values) all.append(text(value)).append("\n");
    return all;
}

std::string text(const storage::Outcome& outcome);
std::string text(const storage::Submission& submission);
std::string text(const storage::PoolTotals& totals);
std::string text(const storage::Attachment& attachment);
std::string text(const storage::StreamName& name);
std::string text(const storage::Range& range);

} // namespace conformance
