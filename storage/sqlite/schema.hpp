// What a store's file holds. Positions ascend through all tables of records; integers of 64 bits are kept in two's
// complement, times in milliseconds since 1970 UTC.
#pragma once

#include <cstdint>
#include <string>

namespace storage::sqlite {

inline constexpr std::uint32_t application_id = 0x53563253; // "SV2S", in the file's header
inline constexpr std::uint32_t schema_version = 3;          // the header's user_version

std::string schema();

} // namespace storage::sqlite
