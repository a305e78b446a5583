// The store under test beside the model. Whatever is done is done to both, and both must say the same.
#pragma once

#include "storage/store.hpp"
#include "tests/conformance/model.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace conformance {

// What is thrown where they do not.
class Difference : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr storage::PageLimit no_limit{.items = 0, .bytes = std::size_t{1} << 40U};

class Scene {
  public:
    // What the log adds up to is saved after every `save_interval` records: by default so often that answers are made
    // up of many parts.
    explicit Scene(storage::Position save_interval = 4);

    storage::Attachment attach(const storage::StreamName& name, const std::string& pool);
    std::vector<storage::Outcome> commit(const std::vector<storage::Submission>& submissions);
    storage::Outcome commit(const storage::Submission& submission) { return commit(std::vector{submission}).front(); }

    // One step; false: it was the last. From the first to the last it is not certain what was removed already, and
    // nothing may be asked or stored for which that matters: records, hashes, numbers and hashes that were used before.
    bool clean_up_step(storage::Milliseconds older_than);
    void clean_up(storage::Milliseconds older_than);

    // The next page must hold as many of what the model has left to list as it may; the query then asks for the one
    // behind it. False: it was the last.
    bool compare_page(storage::RecordQuery& query) const;
    bool compare_page(storage::BlockQuery& query) const;
    // Page after page, to the last.
    template <class Query> void compare_pages(Query query) const {
        while (compare_page(query)) {
        }
    }
    // Of one channel, or of the pool if `channel_id` is empty.
    void compare_totals(const std::string& pool, const std::string& channel_id, const storage::Range& range) const;
    void compare_hours(const std::string& pool, protocol::Subject subject, const std::string& subject_id,
                       const storage::Range& range, std::size_t limit) const;
    void compare_accounting(const std::string& pool, const std::string& channel_id) const;
    // Of a pool: channels, users, streams, drift.
    void compare_names(const std::string& pool, std::size_t limit) const;
    void compare_seen(const std::string& pool, const std::string& channel_id) const;
    // Every question, about all that was stored, in these ranges.
    void compare_answers(const std::vector<storage::Range>& ranges) const;
    // In ranges that cut through the times that were stored.
    void compare_answers() const;

    // Ends the store and opens it again; a volatile one, and the model, begin anew.
    void reopen();
    // The same without closing it, as if the role had died.
    void drop_and_reopen();
    // As reopen(), with another interval.
    void reopen(storage::Position save_interval);
    // Removes all that was stored, and begins with a model that has never heard of it.
    void begin_anew();

    [[nodiscard]] bool is_volatile() const { return store_->durability() == protocol::Durability::is_volatile; }
    [[nodiscard]] storage::Store& store() const { return *store_; }
    [[nodiscard]] const Model& model() const { return model_; }

  private:
    void open();
    void compare_pool(const std::string& pool, const std::vector<storage::Range>& ranges) const;
    void compare_channel(const std::string& pool, const std::string& channel_id,
                         const std::vector<storage::Range>& ranges) const;
    [[nodiscard]] storage::Range covered(const std::string& pool, const std::string& channel_id,
                                         const storage::Range& asked, const storage::Range& actual) const;

    support::TemporaryFolder folder_;
    storage::Position save_interval_;
    std::unique_ptr<storage::Store> store_;
    Model model_;
    std::vector<std::string> pools_;           // that streams have attached for
    std::optional<std::uint64_t> is_cleaning_; // shares that the steps so far have removed
};

} // namespace conformance
