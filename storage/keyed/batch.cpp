#include "storage/keyed/batch.hpp"

#include "storage/engine.hpp"

#include <algorithm>
#include <compare>
#include <span>

namespace storage::keyed {

void Batch::begin(Table table, bool is_removal, protocol::ByteView key) {
    Place& place = places_.emplace_back();
    place.table = table;
    place.is_removal = is_removal;
    for (std::size_t i = 0; i < sizeof place.order; ++i)
        place.order = place.order << 8U | (i < key.size() ? key[i] : 0U);
    place.key = bytes();
    written_.put(key);
    place.value = place.end = bytes();
    brings_records_ = brings_records_ || (table == Table::log && !is_removal);
}

std::optional<StorageError> Batch::Expected::objection(protocol::ByteView found) const {
    if (std::ranges::equal(found, value)) return std::nullopt;
    const bool has_term = found.size() >= term && std::ranges::equal(found.first(term), std::span{value}.first(term));
    return wrong_head(has_term);
}

void Batch::sort() {
    std::ranges::sort(places_, [this](const Place& left, const Place& right) {
        if (left.table != right.table) return left.table < right.table;
        if (left.order != right.order) return left.order < right.order;
        const protocol::ByteView one = change(left).key;
        const protocol::ByteView other = change(right).key;
        const auto order = std::lexicographical_compare_three_way(one.begin(), one.end(), other.begin(), other.end());
        return order < 0 || (order == 0 && left.key < right.key); // as they came
    });
}

} // namespace storage::keyed
