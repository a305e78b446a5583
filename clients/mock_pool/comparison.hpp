// Asks the role for everything that it holds of the pool, and shows it to the ledger.
#pragma once

#include "clients/cpp/storage_client.hpp"
#include "clients/mock_pool/ledger.hpp"
#include "protocol/records.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <utility>

namespace mock_pool {

class Comparison {
  public:
    // `client` is run by others; it and `ledger` outlive the comparison. `on_answer`: the role is still there.
    Comparison(client::StorageClient& client, Ledger& ledger, std::function<void()> on_answer)
        : client_{client},
          ledger_{ledger},
          on_answer_{std::move(on_answer)} {}

    // Across disconnects. Throws what the role answers instead.
    boost::asio::awaitable<void> run();

  private:
    boost::asio::awaitable<void> compare_channel(std::string channel_id);
    boost::asio::awaitable<void> compare_records(protocol::RecordKind kind, std::string channel_id);
    boost::asio::awaitable<void> compare_blocks();
    boost::asio::awaitable<void> compare_drift();
    boost::asio::awaitable<void> compare_streams();
    template <class R> boost::asio::awaitable<typename client::AnswerTo<R>::Type> ask(R request);
    template <class R> boost::asio::awaitable<typename client::AnswerTo<R>::Type> next_page(R& request);

    client::StorageClient& client_;
    Ledger& ledger_;
    std::function<void()> on_answer_;
};

} // namespace mock_pool
