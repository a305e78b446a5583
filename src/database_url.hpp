// What may be told of a database's URL, which may hold a password.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace role {

// `host:5432/database` of `postgresql://user:password@host:5432/database?option=value`, also with several hosts, or
// with none. Nothing if it is no such URL, or if a character that should be encoded makes it unclear where its password
// ends.
std::optional<std::string> database_of(std::string_view url);

} // namespace role
