#include "storage/rebuild.hpp"

#include "storage/checked_reads.hpp"
#include "storage/integrity.hpp"
#include "storage/retention.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>

namespace storage {

namespace {

template <class Row> std::vector<Row> in_order(std::vector<Row> rows) {
    std::ranges::sort(rows, {}, &Row::number);
    return rows;
}

// They cover the log from its first position on, and what is removed ends where one of them does.
Result<void> check_runs(const Contents& contents) {
    const auto corrupt = [](Position position) {
        return std::unexpected(corrupt_at(position, "the runs of records do not follow each other here"));
    };
    Position last = 0;
    bool ends_at_removed = contents.head.removed == 0;
    for (const Run& run : contents.runs) {
        if (run.first != last + 1 || run.last < run.first) return corrupt(last + 1);
        last = run.last;
        if (run.last == contents.head.removed) ends_at_removed = run.chain == contents.head.removed_chain;
    }
    if (last > contents.head.position) return corrupt(contents.head.position + 1);
    if (!ends_at_removed) return corrupt(contents.head.removed);
    return {};
}

Result<void> compare_chain(const ChainLink& counted, Position position, const ChainLink& written) {
    if (counted == written) return {};
    return std::unexpected(corrupt_at(position, "the chain of records does not end here as it was written"));
}

// Of the runs up to `last`.
Result<Tally> sums_of_channel(const Engine& engine, std::uint32_t channel, Position last) {
    const auto rows = read_hours_of(engine, {.subject = protocol::Subject::channel,
                                             .number = channel,
                                             .first_hour = 0,
                                             .last_hour = std::numeric_limits<std::uint32_t>::max(),
                                             .first_run = 1,
                                             .last_run = last});
    if (!rows) return std::unexpected(rows.error());
    Tally sums;
    for (const HourRow& row : *rows) add(sums, row.tally);
    return sums;
}

// What is known of the removed runs: their sums, and the records that outlived them.
Result<void> recall_removed(State& state, const Engine& engine, const Head& head) {
    for (std::uint32_t number = 1; number <= state.channels().size(); ++number) {
        const auto sums = sums_of_channel(engine, number, head.removed);
        if (!sums) return std::unexpected(sums.error());
        state.recall(number, *sums);
    }
    std::map<std::uint32_t, LogEntry> reports; // the last of each channel
    for (Position next = 1; next <= head.removed;) {
        auto entries = read_slice(engine, next, head.removed);
        if (!entries) return std::unexpected(entries.error());
        next = entries->empty() ? head.removed + 1 : entries->back().position + 1;
        for (LogEntry& entry : *entries) {
            if (!entry.content || !outlives(entry, entry.position)) continue;
            if (state.channel(entry.channel) == nullptr) {
                return std::unexpected(corrupt_at(entry.position, "its channel is not known"));
            }
            const protocol::RecordKind kind = kind_of(entry.content->record);
            if (kind == protocol::RecordKind::accounting_deleted) reports.erase(entry.channel);
            if (kind == protocol::RecordKind::share_accounting) {
                reports.insert_or_assign(entry.channel, std::move(entry));
            } else {
                state.recall(entry, {});
            }
        }
    }
    for (const auto& [channel, report] : reports) {
        // The records between it and the end of its run cannot be told apart any more.
        const auto sums = sums_of_channel(engine, channel, state.runs().lower_bound(report.position)->first);
        if (!sums) return std::unexpected(sums.error());
        state.recall(report, sums->totals);
    }
    return {};
}

} // namespace

Result<State> build_state(const Engine& engine, const Contents& contents) {
    if (const auto fine = check_runs(contents); !fine) return std::unexpected(fine.error());
    State state;
    Transaction rows = behind({.term = contents.head.term,
                               .position = 0,
                               .chain = {},
                               .removed = contents.head.removed,
                               .removed_chain = contents.head.removed_chain});
    rows.streams = in_order(contents.streams);
    rows.channels = in_order(contents.channels);
    rows.users = in_order(contents.users);
    rows.runs = contents.runs;
    if (const auto known = state.apply(rows); !known) return std::unexpected(known.error());
    if (!state.restore(contents.derived)) {
        if (const auto recalled = recall_removed(state, engine, contents.head); !recalled) {
            return std::unexpected(recalled.error());
        }
        state.go_on_from(contents.head.removed, contents.head.removed_chain);
    }
    while (state.head().position < contents.head.position) {
        const Position from = state.head().position;
        const auto run = state.runs().lower_bound(from + 1); // in which the next record is
        const bool is_in_tail = run == state.runs().end();
        const auto entries = read_whole_slice(engine, from + 1, is_in_tail ? contents.head.position : run->first);
        if (!entries) return std::unexpected(entries.error());
        Transaction next = behind(state.head());
        for (const LogEntry& entry : *entries) next.head.chain = next_link(next.head.chain, entry.checksum);
        next.head.position = entries->back().position;
        next.entries = *entries;
        if (const auto counted = state.apply(next); !counted) return std::unexpected(counted.error());
        if (!is_in_tail && next.head.position == run->first) {
            const auto fits = compare_chain(next.head.chain, run->first, run->second.chain);
            if (!fits) return std::unexpected(fits.error());
        }
    }
    if (const auto fits = compare_chain(state.head().chain, contents.head.position, contents.head.chain); !fits) {
        return std::unexpected(fits.error());
    }
    return state;
}

} // namespace storage
