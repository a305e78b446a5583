#include "storage/range_sums.hpp"

#include "storage/checked_reads.hpp"
#include "storage/hours.hpp"

#include <algorithm>
#include <limits>

namespace storage {

RangeSums::RangeSums(const State& state, const Engine& engine, const Range& range, std::function<Result<void>()> go_on)
    : engine_{engine},
      range_{range},
      go_on_{std::move(go_on)},
      cut_{state.head().position},
      saved_{state.saved_position()},
      gone_{state.head().removed} {
    const Milliseconds first = range.start.value_or(0);
    const Milliseconds last = range.end.value_or(std::numeric_limits<Milliseconds>::max());
    first_hour_ = hour_of(first);
    last_hour_ = hour_of(last);
    const bool begins_late = first > first_of_hour(first_hour_);
    const bool ends_early = last < last_of_hour(last_hour_);
    if (begins_late || (ends_early && first_hour_ == last_hour_)) {
        edges_.push_back({.hour = first_hour_, .first = first, .last = std::min(last, last_of_hour(first_hour_))});
    }
    if (ends_early && first_hour_ != last_hour_) {
        edges_.push_back({.hour = last_hour_, .first = first_of_hour(last_hour_), .last = last});
    }
}

void RangeSums::ask_for(const State& state, const Channel& channel) {
    if (range_.start && range_.end && *range_.start > *range_.end) return;
    Asked asked{.channel = channel.row.number, .within = {}, .edges = {}};
    const auto& tail = state.tail().hours().sums();
    const HourSums::Name first{.subject = protocol::Subject::channel, .number = asked.channel, .hour = first_hour_};
    for (auto next = tail.lower_bound(first); next != tail.end() && next->first.subject == protocol::Subject::channel &&
                                              next->first.number == asked.channel && next->first.hour <= last_hour_;
         ++next) {
        count(asked, next->first.hour, next->second);
    }
    const auto& blocks = state.pool(channel.row.pool)->blocks.by_time();
    for (std::size_t i = 0; i < edges_.size(); ++i) {
        for (auto next = blocks.lower_bound({edges_[i].first, 0});
             next != blocks.end() && next->first.first <= edges_[i].last; ++next) {
            if (next->second.channel == asked.channel) ++asked.edges.at(i).blocks;
        }
    }
    asked_.push_back(asked);
}

Result<RangeSums::Sums> RangeSums::add_up() const {
    std::vector<Asked> asked = asked_;
    std::array<bool, 2> is_gone{};
    for (Asked& channel : asked) {
        if (const auto read = read_hours(channel); !read) return std::unexpected(read.error());
        for (std::size_t i = 0; i < edges_.size(); ++i) is_gone.at(i) |= channel.edges.at(i).is_gone;
    }
    Sums sums{.in_range = {.range = range_, .totals = {}}};
    for (std::size_t i = 0; i < edges_.size(); ++i) {
        if (!is_gone.at(i)) continue;
        Range& range = sums.in_range.range;
        if (range.start && hour_of(*range.start) == edges_[i].hour) range.start = first_of_hour(edges_[i].hour);
        if (range.end && hour_of(*range.end) == edges_[i].hour) range.end = last_of_hour(edges_[i].hour);
    }
    Tally all;
    for (const Asked& channel : asked) {
        Tally in_channel = channel.within;
        for (std::size_t i = 0; i < edges_.size(); ++i) {
            if (is_gone.at(i)) {
                add(in_channel, channel.edges.at(i).whole_hour);
                continue;
            }
            const auto edge = read_edge(channel, i);
            if (!edge) return std::unexpected(edge.error());
            add(in_channel, *edge);
        }
        if (in_channel.records > 0) ++sums.channels;
        add(all, in_channel);
    }
    sums.in_range.totals = all.totals;
    return sums;
}

void RangeSums::count(Asked& asked, std::uint32_t hour, const Tally& tally) const {
    const auto edge = std::ranges::find(edges_, hour, &Edge::hour);
    Tally& to = edge == edges_.end() ? asked.within
                                     : asked.edges.at(static_cast<std::size_t>(edge - edges_.begin())).whole_hour;
    add(to, tally);
}

Result<void> RangeSums::read_hours(Asked& asked) const {
    if (saved_ == 0) return {};
    const HourScan scan{.subject = protocol::Subject::channel,
                        .number = asked.channel,
                        .first_hour = first_hour_,
                        .last_hour = last_hour_,
                        .first_run = 1,
                        .last_run = saved_};
    if (const auto on = go_on_(); !on) return on;
    const auto rows = read_hours_of(engine_, scan);
    if (!rows) return std::unexpected(rows.error());
    for (const HourRow& row : *rows) {
        count(asked, row.hour, row.tally);
        for (std::size_t i = 0; i < edges_.size(); ++i) {
            if (edges_[i].hour == row.hour && row.run <= gone_) asked.edges.at(i).is_gone = true;
        }
    }
    return {};
}

Result<Tally> RangeSums::read_edge(const Asked& asked, std::size_t edge) const {
    Tally tally;
    if (asked.edges.at(edge).whole_hour.records == 0) return tally;
    const Milliseconds first = edges_[edge].first;
    const Milliseconds last = edges_[edge].last;
    tally.totals.blocks_found = asked.edges.at(edge).blocks;
    RecordScan scan{.kind = protocol::RecordKind::share,
                    .channel = asked.channel,
                    .first_time = first,
                    .last_time = last,
                    .cut = cut_,
                    .before = std::nullopt,
                    .limit = entries_at_once};
    for (;;) {
        if (const auto on = go_on_(); !on) return std::unexpected(on.error());
        const auto entries = scan_records(engine_, scan);
        if (!entries) return std::unexpected(entries.error());
        for (const LogEntry& entry : *entries) {
            if (const auto* share = share_of(entry)) add(tally, *share, entry.verdict, entry.time, entry.position);
            ++tally.records;
        }
        if (entries->size() < scan.limit) break;
        scan.before = {entries->back().time, entries->back().position};
    }
    if (tally.records == 0) {
        const auto others = engine_.has_entries(asked.channel, first, last, cut_);
        if (!others) return std::unexpected(others.error());
        tally.records = *others ? 1 : 0;
    }
    return tally;
}

} // namespace storage
