#include "src/retention.hpp"

#include <utility>

namespace role {

Retention::Advice Retention::tick(const Clocks& now, std::optional<storage::Milliseconds> last_commit) {
    if (!clock_.look(now)) {
        if (std::exchange(have_parted_, true) && now.boot < due_) return {};
        due_ = now.boot + interval_;
        return {.older_than = {}, .warning = Warning::clocks_parted};
    }
    have_parted_ = false;
    if (now.boot < due_) return {};
    if (last_commit && now.wall < *last_commit) {
        if (std::exchange(was_behind_, true)) return {};
        return {.older_than = {}, .warning = Warning::wall_is_behind};
    }
    was_behind_ = false;
    due_ = now.boot + interval_;
    const auto history = static_cast<storage::Milliseconds>(history_.count());
    if (now.wall < history) return {};
    return {.older_than = now.wall - history, .warning = {}};
}

} // namespace role
