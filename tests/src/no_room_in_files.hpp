// No file of this process can be written to while this is there.
#pragma once

#include <doctest/doctest.h>

#include <csignal>
#include <sys/resource.h>

namespace role_scene {

class NoRoomInFiles {
  public:
    NoRoomInFiles() {
        std::signal(SIGXFSZ, SIG_IGN); // the write fails instead
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
    }
    NoRoomInFiles(const NoRoomInFiles&) = delete;
    NoRoomInFiles& operator=(const NoRoomInFiles&) = delete;
    ~NoRoomInFiles() { ::setrlimit(RLIMIT_FSIZE, &before_); }

  private:
    rlimit before_{};
};

} // namespace role_scene
