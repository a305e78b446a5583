// Faults on order, for tests: a hook is asked around every call that a decorated store or engine passes on.
#pragma once

#include "storage/error.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace storage {

enum class Moment : std::uint8_t { before, after };

// Of the function's name, and when. An error before the call prevents it; one after it takes the place of its result:
// the answer is lost. A hook that blocks holds the call. It is called by whichever thread calls.
using FaultHook = std::function<std::optional<StorageError>(std::string_view call, Moment moment)>;

// `call()`, with the hook asked before and after.
template <class Call> auto with_faults(const FaultHook& hook, std::string_view name, Call call) -> decltype(call()) {
    if (auto fault = hook(name, Moment::before)) return std::unexpected(*std::move(fault));
    auto result = call();
    if (auto fault = hook(name, Moment::after)) return std::unexpected(*std::move(fault));
    return result;
}

} // namespace storage
