// A client that is let in: it stores, asks, and remembers what it was told. What it does wrong is up to the test.
#pragma once

#include "tests/end_to_end/records.hpp"
#include "tests/support/peer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace end_to_end {

class Client {
  public:
    // Takes a peer that has been authenticated.
    Client(support::Peer connected, const protocol::AuthenticateSuccess& success)
        : peer{std::move(connected)},
          granted{success},
          next_{success.durable_sequence + 1} {}

    support::Peer peer;
    protocol::AuthenticateSuccess granted;

    // Under the numbers that follow.
    void send(Records records) {
        const std::uint64_t first = next_;
        next_ += records.size();
        peer.send(protocol::StoreRecords{.first_sequence = first, .records = {std::move(records)}});
    }
    // Until all that was sent is acknowledged.
    void store(Records records) {
        send(std::move(records));
        wait_until_durable(next_ - 1);
    }
    // What comes next, say after a connection that is gone.
    void go_on_from(std::uint64_t sequence) { next_ = sequence; }

    // What it was told until now, by the messages that were read.
    [[nodiscard]] std::uint64_t durable() const { return durable_; }
    [[nodiscard]] const std::map<std::uint64_t, std::string>& verdicts() const { return verdicts_; }
    [[nodiscard]] const std::optional<protocol::StoreStatus>& status() const { return status_; }

    void wait_until_durable(std::uint64_t sequence) {
        while (durable_ < sequence) note(next_message());
    }
    void wait_for_status(bool is_available) {
        while (!status_ || status_->is_available != is_available) note(next_message());
    }

    // All that still comes.
    void read_until_closed() {
        try {
            for (;;) note(next_message());
        } catch (const support::Disconnected&) {
        }
    }

    // The next message of this type. Only acknowledgments and the store's state may come before it: a disk that is slow
    // for a moment is no mistake.
    template <protocol::Message M> M receive() {
        for (;;) {
            auto message = next_message();
            if (auto* found = std::get_if<M>(&message)) return std::move(*found);
            note(message);
        }
    }

    // The answer `Success`, or else Error. The request gets a request_id of its own.
    template <protocol::Message Success, protocol::Message Request> Success ask(Request request) {
        request.request_id = ++last_request_;
        peer.send(request);
        auto success = receive<Success>();
        CHECK(success.request_id == last_request_);
        return success;
    }
    protocol::Totals totals(const std::string& pool = {}) {
        protocol::GetTotals request;
        request.pool.text = pool;
        return protocol::decode<protocol::Totals>(ask<protocol::GetTotalsSuccess>(request).totals.bytes).value();
    }
    std::vector<protocol::StoredRecord> stored_records(protocol::GetRecords request) {
        std::vector<protocol::StoredRecord> records;
        do {
            auto page = ask<protocol::GetRecordsSuccess>(request);
            for (const auto& record : page.records.items)
                records.push_back(protocol::decode<protocol::StoredRecord>(record.bytes).value());
            request.cursor = page.next_cursor;
        } while (!request.cursor.bytes.empty());
        return records;
    }
    std::vector<protocol::StoredRecord> stored_shares(const std::string& channel_id = "1.1.1.1") {
        return stored_records(all_of(protocol::RecordKind::share, channel_id));
    }
    void ping() {
        peer.send(protocol::Ping{.nonce = ++last_nonce_});
        CHECK(receive<protocol::PingSuccess>().nonce == last_nonce_);
    }

  private:
    protocol::AnyMessage next_message() {
        const auto frame = peer.receive_frame();
        if (!frame) throw support::Disconnected{};
        return protocol::decode_any(frame->header, frame->payload).value();
    }

    void note(const protocol::AnyMessage& message) {
        if (const auto* success = std::get_if<protocol::StoreSuccess>(&message)) {
            CHECK(success->durable_sequence >= durable_);
            durable_ = success->durable_sequence;
            for (const auto& bytes : success->verdicts.items) {
                auto entry = protocol::decode<protocol::VerdictEntry>(bytes.bytes).value();
                CHECK(entry.sequence <= durable_);
                CHECK(verdicts_.emplace(entry.sequence, std::move(entry.code.text)).second);
            }
        } else if (const auto* status = std::get_if<protocol::StoreStatus>(&message)) {
            status_ = *status;
        } else {
            const auto* error = std::get_if<protocol::Error>(&message);
            throw std::runtime_error{error == nullptr ? "a message that nobody waits for"
                                                      : error->code.text + ": " + error->detail.text};
        }
    }

    std::uint64_t next_;
    std::uint64_t durable_ = 0;
    std::map<std::uint64_t, std::string> verdicts_;
    std::optional<protocol::StoreStatus> status_;
    std::uint32_t last_request_ = 0;
    std::uint64_t last_nonce_ = 0;
};

} // namespace end_to_end
