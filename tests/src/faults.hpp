// What a decorated store does, on the test's word: calls are held, or fail.
#pragma once

#include "storage/fault.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace role_scene {

class Faults {
  public:
    storage::FaultHook hook() {
        return [this](std::string_view call, storage::Moment moment) { return on_call(call, moment); };
    }

    void hold(const std::string& call = "commit") {
        set([&] { held_ = call; });
    }
    void let_go() {
        set([this] { held_.clear(); });
    }
    // Lets as many of the held calls pass, and holds the next one.
    void let_pass(int calls) {
        set([&] { passes_ += calls; });
    }
    void fail_with(std::optional<storage::StorageError> error, const std::string& call = "commit") {
        set([&] {
            error_ = std::move(error);
            failing_ = call;
        });
    }

    // Until so many calls stand before the store.
    void wait_until_held(int calls = 1) {
        wait_until([&] { return standing_ >= calls; });
    }
    // Until the store has been called so often, with success or not.
    void wait_for(const std::string& call, int times) {
        wait_until([&] { return std::ranges::count(calls_, call) >= times; });
    }
    int commits() { return count("commit"); }
    int count(const std::string& call) {
        const std::lock_guard lock{mutex_};
        return static_cast<int>(std::ranges::count(calls_, call));
    }
    // Those that reached the store, in their order.
    std::vector<std::string> calls() {
        const std::lock_guard lock{mutex_};
        return calls_;
    }

  private:
    void set(auto change) {
        {
            const std::lock_guard lock{mutex_};
            change();
        }
        changed_.notify_all();
    }
    void wait_until(auto holds) {
        std::unique_lock lock{mutex_};
        REQUIRE(changed_.wait_for(lock, std::chrono::seconds{30}, holds));
    }

    std::optional<storage::StorageError> on_call(std::string_view call, storage::Moment moment) {
        if (moment != storage::Moment::before) return std::nullopt;
        std::unique_lock lock{mutex_};
        if (call == held_) {
            ++standing_;
            changed_.notify_all();
            changed_.wait(lock, [&] { return call != held_ || passes_ > 0; });
            if (call == held_) --passes_;
            --standing_;
        }
        if (call == failing_ && error_) return error_;
        calls_.emplace_back(call);
        changed_.notify_all();
        return std::nullopt;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string held_; // the name of a call, or empty
    int passes_ = 0;
    int standing_ = 0;
    std::vector<std::string> calls_;
    std::string failing_;
    std::optional<storage::StorageError> error_;
};

} // namespace role_scene
