#include "clients/cpp/storage_client.hpp"

#include "clients/cpp/authentication.hpp"
#include "clients/cpp/connect.hpp"
#include "clients/cpp/randomness.hpp"
#include "clients/cpp/within.hpp"
#include "protocol/error_codes.hpp"
#include "protocol/records.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace client {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto open_limit = 10s; // from the first byte to Authenticate.Success
// A role that stands by takes over within seconds: its clients should not sleep through it, nor wait long for a machine
// that no longer answers.
constexpr auto longest_pause_with_standby = 1s;
constexpr auto connect_limit_with_standby = 2s;
constexpr auto last_words_limit = 5s; // for what the role says before it closes
constexpr auto close_limit = 1s;
constexpr std::size_t max_received = std::size_t{1} << 20; // bytes of a payload

std::uint64_t random_number() {
    std::array<std::uint8_t, 8> bytes;
    fill_random(bytes);
    return std::bit_cast<std::uint64_t>(bytes);
}

Ending lost(std::string detail) {
    return {.code = std::string{ending_codes::disconnected}, .detail = std::move(detail)};
}

Ending said(const protocol::Str0_255& code, const protocol::Str0_255& detail) {
    return {.code = code.text, .detail = detail.text};
}

// Not for long: false if the waiting coroutine was cancelled.
asio::awaitable<bool> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    const auto [cancelled] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return !cancelled;
}

asio::awaitable<std::optional<Ending>> give_up_after(std::chrono::milliseconds time) {
    co_await pause(time);
    co_return lost("the role did not finish the setup in time");
}

} // namespace

StorageClient::StorageClient(asio::any_io_executor executor, const noise::Curve& curve, noise::SigningKey key,
                             StorageClientOptions options, std::function<void(const Event&)> on_event)
    : executor_{executor},
      curve_{curve},
      key_{std::move(key)},
      options_{std::move(options)},
      on_event_{std::move(on_event)},
      backlog_{options_.remembered.last_acknowledged, options_.max_unacknowledged},
      backoff_{options_.addresses.size() > 1 ? longest_pause_with_standby : Backoff::longest},
      writer_has_work_{executor},
      state_changed_{executor} {}

std::expected<std::uint64_t, StoreRefusal> StorageClient::store(protocol::Bytes record) {
    if ((options_.roles & protocol::role_write) == 0) return std::unexpected(StoreRefusal::no_writer);
    if (is_stopping_ || has_ended_) return std::unexpected(StoreRefusal::ended);
    if (record.size() > protocol::max_record_size) return std::unexpected(StoreRefusal::too_large);
    const auto sequence = backlog_.add(std::move(record));
    if (!sequence) return std::unexpected(StoreRefusal::full);
    writer_has_work_.notify();
    return *sequence;
}

void StorageClient::stop(std::chrono::milliseconds patience) {
    is_stopping_ = true;
    stop_deadline_ = std::chrono::steady_clock::now() + patience;
    state_changed_.notify();
}

asio::awaitable<Ending> StorageClient::run() {
    auto first = co_await (sessions() || stopped());
    Ending ending = std::visit([](Ending& value) { return std::move(value); }, first);
    has_ended_ = true;
    grant_.reset();
    close_questions(ending);
    if (stream_) co_await stream_->close(close_limit);
    stream_.reset();
    state_changed_.notify();
    co_return ending;
}

// Ends when stop() was called and there is nothing left to wait for.
asio::awaitable<Ending> StorageClient::stopped() {
    while (!is_stopping_)
        if (!co_await state_changed_.wait()) co_return lost("cancelled");
    while (backlog_.size() > 0) {
        const auto left = stop_deadline_ - std::chrono::steady_clock::now();
        if (left <= 0s) break;
        auto first = co_await (state_changed_.wait() || pause(std::chrono::ceil<std::chrono::milliseconds>(left)));
        if (!std::visit([](bool waited) { return waited; }, first)) co_return lost("cancelled");
    }
    co_return Ending{.code = std::string{ending_codes::stopped},
                     .detail = backlog_.size() == 0 ? "" : "before everything was acknowledged"};
}

asio::awaitable<Ending> StorageClient::sessions() {
    for (;;) {
        Ending ending = co_await session();
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
            co_return ending;
        const bool was_open = grant_.has_value();
        grant_.reset();
        close_questions(ending);
        if (stream_ && was_open) co_await stream_->close(close_limit);
        stream_.reset();
        on_event_(Closed{ending});
        if (is_final(ending)) co_return ending;
        if (ending.code == ending_codes::stream_renewed) continue;
        // The next address at once, and a pause when each has had its turn.
        if (++attempts_ % options_.addresses.size() != 0) continue;
        if (!co_await pause(backoff_.next(random_number()))) co_return ending;
    }
}

asio::awaitable<Ending> StorageClient::session() {
    backlog_.rewind();
    outgoing_.clear();
    {
        auto first = co_await (open() || give_up_after(open_limit));
        if (auto failed = std::visit([](auto& value) { return std::move(value); }, first)) co_return *failed;
    }
    on_event_(Opened{options_.remembered});
    state_changed_.notify();
    auto first = co_await (read_all() || write_all() || ping_now_and_then());
    co_return std::visit([](Ending& value) { return std::move(value); }, first);
}

template <class M> asio::awaitable<std::optional<Ending>> StorageClient::send(M message) {
    auto frame = protocol::encode_frame(message);
    if (!frame) co_return broken_promise(protocol::describe(frame.error()));
    const auto sent = co_await stream_->write_frame(*std::move(frame));
    if (!sent) co_return disconnected(sent.error());
    co_return std::nullopt;
}

template <class M> asio::awaitable<std::expected<M, Ending>> StorageClient::expect() {
    const auto frame = co_await stream_->read_frame(max_received);
    if (!frame) co_return std::unexpected(disconnected(frame.error()));
    auto message = protocol::decode_any(frame->header, frame->payload);
    if (!message) co_return std::unexpected(broken_promise(protocol::describe(message.error())));
    if (auto* const expected = std::get_if<M>(&*message)) co_return std::move(*expected);
    if (const auto* const error = std::get_if<protocol::SetupConnectionError>(&*message))
        co_return std::unexpected(Ending{.code = error->error_code.text, .detail = "in answer to SetupConnection"});
    if (const auto* const error = std::get_if<protocol::Error>(&*message))
        co_return std::unexpected(said(error->code, error->detail));
    if (std::holds_alternative<protocol::RequestExtensionsError>(*message))
        co_return std::unexpected(Ending{.code = std::string{protocol::error_codes::unsupported_extension},
                                         .detail = "the server has no storage extension"});
    if (std::holds_alternative<protocol::Reconnect>(*message)) co_return std::unexpected(lost("told to reconnect"));
    co_return std::unexpected(broken_promise("another message than the answer"));
}

protocol::Authenticate StorageClient::authenticate() const {
    const bool writes = (options_.roles & protocol::role_write) != 0;
    protocol::Authenticate message{.min_version = protocol::storage_version,
                                   .max_version = protocol::storage_version,
                                   .client_public_key = {key_.public_key().bytes},
                                   .roles = options_.roles,
                                   .stream_id = options_.stream_id,
                                   .dataset_id = options_.remembered.dataset_id,
                                   .generation = options_.remembered.generation,
                                   .last_acknowledged = writes ? backlog_.last_acknowledged() : 0,
                                   .signature = {}};
    const noise::Hash digest = authentication_digest(stream_->handshake_hash(), options_.authority, message);
    if (const auto signature = key_.sign(curve_, digest, random_bytes())) message.signature.bytes = *signature;
    return message;
}

asio::awaitable<std::optional<Ending>> StorageClient::open() {
    address_ = options_.addresses.at(attempts_ % options_.addresses.size());
    if (elsewhere_) address_ = *std::exchange(elsewhere_, std::nullopt);
    const auto limit = options_.addresses.size() > 1 ? connect_limit_with_standby : open_limit;
    auto connected = co_await within(limit, connect(address_.host, address_.port, curve_, options_.authority));
    if (!connected) co_return disconnected(connected.error());
    stream_.emplace(*std::move(connected));

    const protocol::SetupConnection setup{.protocol = options_.carrier,
                                          .min_version = 2,
                                          .max_version = 2,
                                          .flags = 0,
                                          .endpoint_host = {address_.host.substr(0, protocol::Str0_255::max_size)},
                                          .endpoint_port = 0,
                                          .vendor = {options_.vendor},
                                          .hardware_version = {},
                                          .firmware = {},
                                          .device_id = {}};
    if (auto failed = co_await send(setup)) co_return *failed;
    const auto set_up = co_await expect<protocol::SetupConnectionSuccess>();
    if (!set_up) co_return set_up.error();

    const protocol::RequestExtensions request{.request_id = 1, .requested_extensions = {{protocol::storage_extension}}};
    if (auto failed = co_await send(request)) co_return *failed;
    const auto negotiated = co_await expect<protocol::RequestExtensionsSuccess>();
    if (!negotiated) co_return negotiated.error();
    if (std::ranges::find(negotiated->supported_extensions.items, protocol::storage_extension) ==
        negotiated->supported_extensions.items.end())
        co_return broken_promise("RequestExtensions.Success without the extension that was requested");

    const protocol::Authenticate proof = authenticate();
    if (auto failed = co_await send(proof)) co_return *failed;
    const auto granted = co_await expect<protocol::AuthenticateSuccess>();
    if (!granted) co_return granted.error();

    if ((options_.roles & protocol::role_write) != 0) {
        options_.remembered.last_acknowledged = backlog_.last_acknowledged();
        const auto resumption = resume(options_.remembered, backlog_.last_numbered(), *granted);
        if (!resumption) co_return resumption.error();
        if (*resumption == Resumption::starts_anew) {
            options_.stream_id = random_number();
            options_.remembered = {};
            backlog_.renumber();
            on_event_(StreamRenewed{options_.stream_id});
            co_return Ending{.code = std::string{ending_codes::stream_renewed},
                             .detail = "the store was volatile, and is another one now"};
        }
    }
    options_.remembered = {.dataset_id = granted->dataset_id,
                           .durability = static_cast<protocol::Durability>(granted->durability),
                           .generation = granted->generation,
                           .last_acknowledged = backlog_.last_acknowledged()};
    grant_ = *granted;
    co_return std::nullopt;
}

asio::awaitable<Ending> StorageClient::read_all() {
    for (;;) {
        const auto frame = co_await stream_->read_frame(max_received);
        if (!frame) co_return disconnected(frame.error());
        was_heard_ = true;
        if (auto ending = handle(*frame)) co_return *ending;
    }
}

asio::awaitable<Ending> StorageClient::write_all() {
    for (;;) {
        auto frame = next_frame();
        if (!frame) co_return frame.error();
        if (!*frame) {
            if (!co_await writer_has_work_.wait()) co_return lost("cancelled");
            continue;
        }
        const auto sent = co_await stream_->write_frame(std::move(**frame));
        if (sent) continue;
        // Why the role has closed may still lie before us: the reader finds it.
        co_await pause(last_words_limit);
        co_return disconnected(sent.error());
    }
}

// Tells a role that closes silent connections that we live, and finds one that has gone without a word.
asio::awaitable<Ending> StorageClient::ping_now_and_then() {
    for (std::uint64_t nonce = 1;; ++nonce) {
        was_heard_ = false;
        if (!co_await pause(options_.ping_interval)) co_return lost("cancelled");
        if (nonce > 1 && !was_heard_) co_return lost("the role is silent");
        if (auto frame = protocol::encode_frame(protocol::Ping{.nonce = nonce})) enqueue(*std::move(frame));
    }
}

void StorageClient::enqueue(protocol::Bytes frame) {
    outgoing_.push_back(std::move(frame));
    writer_has_work_.notify();
}

// Nothing if there is nothing to send now.
std::expected<std::optional<protocol::Bytes>, Ending> StorageClient::next_frame() {
    if (!outgoing_.empty()) {
        protocol::Bytes frame = std::move(outgoing_.front());
        outgoing_.pop_front();
        return frame;
    }
    const auto message = backlog_.next({.records_per_message = options_.records_per_message,
                                        .bytes_per_message = options_.bytes_per_message,
                                        .max_frame = grant_->max_frame,
                                        .max_in_flight = grant_->max_in_flight});
    if (!message)
        return std::unexpected(Ending{.code = std::string{ending_codes::limits_too_small},
                                      .detail = "the role's limits do not let the next record pass"});
    if (!*message) return std::nullopt;
    auto frame = protocol::encode_frame(**message);
    if (!frame) return std::unexpected(broken_promise(protocol::describe(frame.error())));
    return *std::move(frame);
}

// Why the session ends with this frame, if it does.
std::optional<Ending> StorageClient::handle(const protocol::Frame& frame) {
    auto message = protocol::decode_any(frame.header, frame.payload);
    if (!message) return broken_promise(protocol::describe(message.error()));
    if (const auto* const success = std::get_if<protocol::StoreSuccess>(&*message)) return take(*success);
    if (const auto* const error = std::get_if<protocol::Error>(&*message)) return take(*error);
    if (const auto* const status = std::get_if<protocol::StoreStatus>(&*message)) {
        on_event_(StatusChanged{*status});
        return std::nullopt;
    }
    if (std::holds_alternative<protocol::PingSuccess>(*message)) return std::nullopt;
    if (const auto* const reconnect = std::get_if<protocol::Reconnect>(&*message)) {
        if (!reconnect->new_host.text.empty() || reconnect->new_port != 0) elsewhere_ = address_;
        if (!reconnect->new_host.text.empty()) elsewhere_->host = reconnect->new_host.text;
        if (reconnect->new_port != 0) elsewhere_->port = std::to_string(reconnect->new_port);
        return lost("told to reconnect");
    }
    const std::uint32_t request_id = std::visit(
        []<class M>(const M& m) -> std::uint32_t {
            if constexpr (requires { m.request_id; }) return m.request_id;
            return 0;
        },
        *message);
    return take_answer(request_id, *std::move(message));
}

std::optional<Ending> StorageClient::take(const protocol::StoreSuccess& success) {
    Acknowledged event{.durable_sequence = success.durable_sequence, .verdicts = {}};
    for (const auto& bytes : success.verdicts.items) {
        auto verdict = protocol::decode<protocol::VerdictEntry>(bytes.bytes);
        if (!verdict || verdict->sequence <= backlog_.last_acknowledged() ||
            verdict->sequence > success.durable_sequence)
            return broken_promise("a verdict on a record that is not being acknowledged");
        event.verdicts.push_back(*std::move(verdict));
    }
    if (const auto acknowledged = backlog_.acknowledge(success.durable_sequence); !acknowledged)
        return broken_promise(acknowledged.error() == AcknowledgmentError::never_sent
                                  ? "an acknowledgment of what was not sent"
                                  : "an acknowledgment below an earlier one");
    backoff_.reset();
    writer_has_work_.notify(); // there may be room now
    if (backlog_.size() == 0) state_changed_.notify();
    on_event_(event);
    return std::nullopt;
}

std::optional<Ending> StorageClient::take(const protocol::Error& error) {
    if (error.request_id == 0) return said(error.code, error.detail);
    const auto question = questions_.find(error.request_id);
    if (question == questions_.end()) return std::nullopt; // its asker has gone
    question->second->answer = std::unexpected(QueryError{.code = error.code.text, .detail = error.detail.text});
    question->second->answered.notify();
    questions_.erase(question);
    return std::nullopt;
}

std::optional<Ending> StorageClient::take_answer(std::uint32_t request_id, protocol::AnyMessage answer) {
    if (request_id == 0 || request_id > last_request_id_) return broken_promise("an answer that nobody asked for");
    backoff_.reset();
    const auto question = questions_.find(request_id);
    if (question == questions_.end()) return std::nullopt; // its asker has gone
    question->second->answer = std::move(answer);
    question->second->answered.notify();
    questions_.erase(question);
    return std::nullopt;
}

void StorageClient::close_questions(const Ending& ending) {
    for (const auto& [id, question] : std::exchange(questions_, {})) {
        question->answer = std::unexpected(
            QueryError{.code = std::string{ending_codes::disconnected}, .detail = ending.code + ": " + ending.detail});
        question->answered.notify();
    }
}

asio::awaitable<std::expected<protocol::AnyMessage, QueryError>> StorageClient::ask(std::uint32_t request_id,
                                                                                    protocol::Bytes frame) {
    Question question{executor_};
    if (!grant_) co_return question.answer;
    struct Withdraw {
        std::map<std::uint32_t, Question*>& questions;
        std::uint32_t id;
        ~Withdraw() { questions.erase(id); }
    };
    const Withdraw withdraw{.questions = questions_, .id = request_id};
    questions_.emplace(request_id, &question);
    enqueue(std::move(frame));
    co_await question.answered.wait();
    co_return std::move(question.answer);
}

QueryError StorageClient::wrong_answer() {
    return {.code = std::string{ending_codes::broken_promise}, .detail = "another message than the answer"};
}

asio::awaitable<bool> StorageClient::wait_until_open() {
    while (!grant_ && !has_ended_) {
        const bool is_told = co_await state_changed_.wait();
        if (!is_told) co_return false;
    }
    co_return grant_.has_value();
}

asio::awaitable<std::expected<void, QueryError>>
StorageClient::walk_records(protocol::GetRecords request, std::function<void(const protocol::StoredRecord&)> visit) {
    do {
        const auto page = co_await next_page(request);
        if (!page) co_return std::unexpected(page.error());
        for (const auto& bytes : page->records.items) {
            const auto stored = protocol::decode<protocol::StoredRecord>(bytes.bytes);
            if (!stored) co_return std::unexpected(wrong_answer());
            visit(*stored);
        }
    } while (!request.cursor.bytes.empty());
    co_return std::expected<void, QueryError>{};
}

} // namespace client
