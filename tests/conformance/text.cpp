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
    return "no record: " + text(protocol::B0_16M{bytes});
}

} // namespace

std::string text(const storage::Outcome& outcome) {
    if (!outcome) {
        switch (outcome.error()) {
        case storage::Refused::fenced: return "fenced";
        case storage::Refused::sequence_gap: return "sequence gap";
        case storage::Refused::sequence_conflict: return "sequence conflict";
        case storage::Refused::damaged: return "damaged";
        }
    }
    std::ostringstream out;
    out << "stored up to " << outcome->last_sequence;
    if (outcome->unread > 0) out << ", " << outcome->unread << " unread";
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

} // namespace conformance
