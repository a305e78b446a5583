// What a store's file holds. Positions ascend through all tables of records; integers of 64 bits are kept in two's
// complement, times in milliseconds since 1970 UTC.
#pragma once

#include "protocol/records.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace storage::sqlite {

inline constexpr std::uint32_t application_id = 0x53563253; // "SV2S", in the file's header
inline constexpr std::uint32_t schema_version = 2;          // the header's user_version

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

std::string schema();

} // namespace storage::sqlite
