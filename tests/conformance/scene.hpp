// The store under test beside the model. Whatever is done is done to both, and both must say the same.
#pragma once

#include "storage/store.hpp"
#include "tests/conformance/model.hpp"
#include "tests/support/temporary_folder.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conformance {

// Of the backend that the environment names as STORE_BACKEND. Throws if there is none of that name.
std::string backend();

class Scene {
  public:
    Scene();

    storage::Attachment attach(const storage::StreamName& name, const std::string& pool);
    std::vector<storage::Outcome> commit(const std::vector<storage::Submission>& submissions);
    storage::Outcome commit(const storage::Submission& submission) { return commit(std::vector{submission}).front(); }

    // Page after page, to the last.
    void compare_pages(const storage::ShareQuery& query, const std::vector<protocol::StoredRecord>& expected) const;
    // The next page must be as many of the front of `expected` as it may hold; they are taken off. False: it was the
    // last.
    bool compare_page(storage::ShareQuery& query, std::vector<protocol::StoredRecord>& expected) const;
    // Every question, about all that was stored.
    void compare_answers() const;

    // Ends the store and opens it again; a volatile one, and the model, begin anew.
    void reopen();
    // The same without closing it, as if the role had died.
    void drop_and_reopen();

    [[nodiscard]] bool is_volatile() const { return store_->durability() == protocol::Durability::is_volatile; }
    [[nodiscard]] storage::Store& store() const { return *store_; }
    [[nodiscard]] const Model& model() const { return model_; }

  private:
    void open();
    void compare_pool(const std::string& pool, const std::vector<storage::Range>& ranges) const;
    void compare_channel(const std::string& pool, const std::string& channel_id,
                         const std::vector<storage::Range>& ranges) const;
    void compare_seen(const std::string& pool, const std::string& channel_id) const;

    support::TemporaryFolder folder_;
    std::unique_ptr<storage::Store> store_;
    Model model_;
    std::vector<std::string> pools_; // that streams have attached for
};

} // namespace conformance
