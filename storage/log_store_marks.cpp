// Whether a store is the one that had come to a head which somebody has kept.

#include "storage/checked_reads.hpp"
#include "storage/integrity.hpp"
#include "storage/log_store.hpp"

#include <iterator>
#include <mutex>
#include <shared_mutex>

namespace storage {

Mark LogStore::mark() const {
    const std::shared_lock lock{mutex_};
    return {.data_set = data_set_, .position = state_.head().position, .chain = state_.head().chain};
}

Result<MarkFit> LogStore::compare(const Mark& mark) const {
    if (mark.data_set.id != data_set_.id) return MarkFit::other_history;
    if (mark.data_set.generation < data_set_.generation) return MarkFit::fits;
    if (mark.data_set.generation > data_set_.generation) return MarkFit::behind;
    const auto fit = [&](const ChainLink& link) { return link == mark.chain ? MarkFit::fits : MarkFit::other_history; };
    return undisturbed([&]() -> Result<MarkFit> {
        const View seen = view();
        Position walked = 0;
        ChainLink link{}; // there
        {
            const std::shared_lock lock{mutex_};
            const Head& head = state_.head();
            if (mark.position > head.position) return MarkFit::behind;
            if (mark.position == head.position) return fit(head.chain);
            const auto next = state_.runs().upper_bound(mark.position);
            if (next != state_.runs().begin()) {
                walked = std::prev(next)->second.last;
                link = std::prev(next)->second.chain;
            }
        }
        if (walked < mark.position && mark.position <= seen.gone) return MarkFit::fits;
        while (walked < mark.position) {
            if (const auto on = go_on(seen); !on) return std::unexpected(on.error());
            const auto entries = read_whole_slice(*engine_, walked + 1, mark.position);
            if (!entries) return std::unexpected(entries.error());
            for (const LogEntry& entry : *entries) link = next_link(link, entry.checksum);
            walked = entries->back().position;
        }
        return fit(link);
    });
}

} // namespace storage
