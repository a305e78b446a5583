// What the examples do with a storage, whatever its backend. Failures are exceptions: an example ends with them.
#pragma once

#include "examples/mock_data.hpp"
#include "examples/share_accounting_storage.hpp"

#include <string>

namespace examples {

// Each record by itself, durable when the next is begun, with the operation that is made for it.
void store_each(ShareAccountingStorage& storage, const MockData& data);

// What the storage answers to every question about the data, as text.
std::string answers(const ShareAccountingStorage& storage, const MockData& data);

} // namespace examples
