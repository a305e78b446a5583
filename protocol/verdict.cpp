#include "protocol/verdict.hpp"

namespace protocol {

std::string_view to_text(Verdict verdict) {
    switch (verdict) {
    case Verdict::stored: return "";
    case Verdict::duplicate_share: return "duplicate-share";
    case Verdict::above_target: return "above-target";
    case Verdict::invalid_record: return "invalid-record";
    case Verdict::unknown_kind: return "unknown-kind";
    case Verdict::record_too_large: return "record-too-large";
    case Verdict::invalid_timestamp: return "invalid-timestamp";
    case Verdict::invalid_text: return "invalid-text";
    }
    return "";
}

} // namespace protocol
