// LMDB reads its file through memory: what is no longer there, because the file was cut short or its disk fails, is no
// error but a signal. It ends the process, and this says why.
#pragma once

#include "storage/error.hpp"

#include <cstddef>
#include <filesystem>

namespace storage::lmdb {

// Watches where the file is in memory, for as long as it lives. Signals that have to do with no such file go where they
// would have gone.
class BusErrorWatch {
  public:
    static Result<BusErrorWatch> over(const std::filesystem::path& file);
    BusErrorWatch(BusErrorWatch&& other) noexcept;
    BusErrorWatch& operator=(BusErrorWatch&&) = delete;
    BusErrorWatch(const BusErrorWatch&) = delete;
    BusErrorWatch& operator=(const BusErrorWatch&) = delete;
    ~BusErrorWatch();

    // To be called whenever the file may have another place.
    [[nodiscard]] Result<void> look_again() const;

  private:
    explicit BusErrorWatch(std::size_t slot) : slot_{slot} {}

    std::size_t slot_;
};

} // namespace storage::lmdb
