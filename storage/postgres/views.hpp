// For people and their tools: the tables of the storage crate that this project succeeds, as views.
#pragma once

#include <string>

namespace storage::postgres {

std::string views();

} // namespace storage::postgres
