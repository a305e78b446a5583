// What a maker has made, as it is sent.
#pragma once

#include "clients/mock_pool/record_maker.hpp"
#include "protocol/primitives.hpp"
#include "protocol/records.hpp"

#include <variant>
#include <vector>

inline std::vector<protocol::Bytes> encoded(const std::vector<mock_pool::MadeRecord>& made) {
    std::vector<protocol::Bytes> bytes;
    for (const mock_pool::MadeRecord& one : made)
        bytes.push_back(
            std::visit([](const auto& record) { return protocol::encode_record(record).value(); }, one.record));
    return bytes;
}
