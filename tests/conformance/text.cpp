#include "tests/conformance/text.hpp"

#include "protocol/records.hpp"

namespace conformance {

namespace {

std::string text_of_record(const protocol::Bytes& bytes) {
    if (const auto read = protocol::read_record(bytes)) {
        return std::visit(
            [](const auto& record) { return std::to_string(static_cast<int>(record.kind)) + text(record); },
            read->record);
    }
    std::ostringstream out;
    write(out, protocol::B0_16M{bytes});
    return "no record: " + out.str();
}

std::string text_of_time(const std::optional<storage::Milliseconds>& time) {
    return time ? std::to_string(*time) : "any";
}

} // namespace

std::string text(const storage::Outcome& outcome) {
    if (!outcome) {
        switch (outcome.error()) {
        case storage::Refused::fenced: return "fenced";
        case storage::Refused::sequence_gap: return "sequence gap";
        case storage::Refused::sequence_conflict: return "sequence conflict";
        }
    }
    std::ostringstream out;
    out << "stored up to " << outcome->last_sequence;
    for (const auto& [sequence, verdict] : outcome->verdicts) out << ", " << sequence << " " << to_text(verdict);
    return out.str();
}

std::string text(const storage::Submission& submission) {
    std::ostringstream out;
    out << "stream " << submission.stream << " epoch " << submission.epoch << " from " << submission.first_sequence
        << " received at " << submission.received_at;
    for (const auto& record : submission.records) out << "\n    " << text_of_record(record.bytes);
    return out.str();
}

std::string text(const storage::PoolTotals& totals) {
    std::ostringstream out;
    out << "position " << totals.position << " channels " << totals.channels << " " << text(totals.totals);
    return out.str();
}

std::string text(const storage::Attachment& attachment) {
    std::ostringstream out;
    out << "stream " << attachment.stream << " epoch " << attachment.epoch << " durable "
        << attachment.durable_sequence;
    return out.str();
}

std::string text(const storage::StreamName& name) {
    std::ostringstream out;
    out << name.identity << "/" << name.stream_id;
    return out.str();
}

std::string text(const storage::Range& range) {
    std::ostringstream out;
    out << "from " << text_of_time(range.start) << " to " << text_of_time(range.end);
    return out.str();
}

} // namespace conformance
