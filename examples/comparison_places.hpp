// Where the stores of a comparison lie: each in a folder of its own or, on a database server, in a schema of its own.
// All are gone at the end.
#pragma once

#include "storage/open.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

class ComparisonPlaces {
  public:
    ComparisonPlaces(std::filesystem::path folder, std::string database_url)
        : folder_{std::move(folder)},
          database_url_{std::move(database_url)} {}
    ComparisonPlaces(const ComparisonPlaces&) = delete;
    ComparisonPlaces& operator=(const ComparisonPlaces&) = delete;
    ~ComparisonPlaces();

    // Why stores of this backend have no place; empty if they have.
    [[nodiscard]] std::string why_not(std::string_view backend) const;

    // A new place.
    storage::StoreConfig make(const std::string& backend, std::string_view use);
    // On the disk; of a store that is closed.
    [[nodiscard]] std::uintmax_t bytes(const storage::StoreConfig& place) const;

  private:
    std::filesystem::path folder_;
    std::string database_url_;
    std::vector<std::string> schemas_;
    int made_ = 0;
};

} // namespace examples
