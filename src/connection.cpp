#include "src/connection.hpp"

#include "clients/cpp/as_values.hpp"
#include "clients/cpp/within.hpp"
#include "protocol/error_codes.hpp"
#include "src/answer.hpp"
#include "src/retention.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <sstream>
#include <utility>

namespace role {

namespace asio = boost::asio;
namespace codes = protocol::error_codes;
using asio::ip::tcp;
using client::as_values;
using client::EncryptedStream;
using client::Result;
using client::StreamError;

namespace {

constexpr std::size_t max_questions = 16;
// Of answers that the peer has not fetched: beyond it nothing more is read.
constexpr std::size_t max_reply_bytes = std::size_t{256} * 1024;

const StreamError too_late{boost::system::error_code{asio::error::timed_out}};

storage::Milliseconds milliseconds_now() {
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    return static_cast<storage::Milliseconds>(now.time_since_epoch().count());
}

// A timer that never expires: cancel() wakes whoever waits.
asio::awaitable<void> wait(asio::steady_timer& wake) {
    co_await wake.async_wait(as_values);
}

} // namespace

std::string to_text(const tcp::endpoint& endpoint) {
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

Connection::Connection(const House& house, tcp::socket socket, Handlers handlers)
    : house_{house},
      socket_{std::move(socket)},
      handlers_{std::move(handlers)},
      read_more_{house.io, asio::steady_timer::time_point::max()},
      write_more_{house.io, asio::steady_timer::time_point::max()} {
    boost::system::error_code ignored;
    peer_ = to_text(socket_.remote_endpoint(ignored));
}

std::string_view Connection::phase() const {
    return session_ ? to_text(session_->phase()) : "handshake";
}

asio::awaitable<Connection::Ending> Connection::run() {
    co_await asio::this_coro::throw_if_cancelled(false); // a stop is a value too
    const auto self = shared_from_this();
    auto entered = co_await client::within(house_.limits.authentication, let_in());
    // From here on nothing of ours may cut off what the peer is owed: stop() only ends the reading.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (!entered && !refusal_ && !is_stopping_) failure_ = entered.error();
    if (entered && !refusal_ && !is_stopping_) {
        is_open_ = true;
        handlers_.on_open(*this);
        asio::co_spawn(house_.io, read(), asio::bind_cancellation_slot(reading_.slot(), [self](std::exception_ptr e) {
                           self->reading_ended_ = true;
                           self->write_more_.cancel();
                           if (e) std::rethrow_exception(e);
                       }));
        co_await write();
        stop_reading();
        while (!reading_ended_) co_await wait(write_more_);
        is_open_ = false;
    }
    has_ended_ = true;
    give_back_window();
    co_return co_await end();
}

asio::awaitable<Connection::Ending> Connection::end() {
    if (stream_) {
        if (!refusal_ && !failure_ && session_->phase() != Phase::setup) {
            auto reconnect = protocol::encode_frame(protocol::Reconnect{}).value(); // to the same host and port
            co_await client::within(house_.limits.farewell, stream_->write_frame(std::move(reconnect)));
        }
        co_await stream_->close(house_.limits.farewell);
    }
    if (refusal_) co_return *refusal_;
    if (failure_) co_return *failure_;
    co_return Stopped{};
}

asio::awaitable<client::Result<void>> Connection::let_in() {
    co_await asio::this_coro::throw_if_cancelled(false);
    const client::CredentialsSource credentials = [this] {
        return house_.credentials.current(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    };
    auto accepted = co_await EncryptedStream::accept(std::move(socket_), house_.curve, credentials, house_.handshakes);
    if (!accepted) co_return std::unexpected(accepted.error());
    stream_.emplace(*std::move(accepted));
    session_.emplace(Session::Gate{.curve = house_.curve,
                                   .clients = house_.clients,
                                   .authority = house_.credentials.authority(),
                                   .handshake_hash = stream_->handshake_hash()});

    while (session_->phase() != Phase::open) {
        auto frame = co_await stream_->read_frame(session_->max_payload());
        Step step;
        if (frame) {
            step = session_->on_frame(*frame);
        } else if (const auto* oversized = std::get_if<client::FrameTooLarge>(&frame.error().cause)) {
            step = session_->on_oversized(oversized->header);
        } else {
            co_return std::unexpected(frame.error());
        }
        if (auto* wanted = std::get_if<Attach>(&step.wish)) step = co_await attach(std::move(*wanted));
        if (auto sent = co_await stream_->write_frame(std::move(step.reply)); !sent)
            co_return std::unexpected(sent.error());
        refusal_ = std::move(step.refusal);
        if (refusal_) break;
    }
    co_return client::Result<void>{};
}

asio::awaitable<Step> Connection::attach(Attach wanted) {
    Welcome welcome{.attachment = {},
                    .data_set = house_.store.data_set(),
                    .durability = house_.store.durability(),
                    .max_in_flight = 0};
    if (!wanted.stream) co_return session_->on_attached(welcome);

    const auto window = house_.windows.grant();
    if (!window) co_return session_->refuse(codes::busy, "all of max_in_flight_bytes is granted to others");
    window_ = *window;
    welcome.max_in_flight = static_cast<std::uint32_t>(window_);

    auto attached = std::make_shared<std::optional<storage::Result<storage::Attachment>>>();
    house_.queue.attach(*wanted.stream, wanted.pool,
                        [self = shared_from_this(), attached](const storage::Result<storage::Attachment>& result) {
                            asio::post(self->house_.io, [self, attached, result] {
                                *attached = result;
                                self->read_more_.cancel();
                            });
                        });
    while (!*attached) {
        co_await wait(read_more_);
        if ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none) continue;
        co_return is_stopping_
            ? session_->refuse(codes::shutting_down, "the server stops before the store has answered")
            : session_->refuse(codes::storage_unavailable, "the store did not answer in time");
    }
    if (!**attached) co_return session_->refuse(codes::storage_unavailable, (*attached)->error().detail);
    welcome.attachment = ***attached;
    epoch_ = welcome.attachment.epoch;
    stream_name_ = std::move(wanted.stream);
    handlers_.on_attached(*this);
    co_return session_->on_attached(welcome);
}

asio::awaitable<void> Connection::read() {
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto self = shared_from_this();
    while (!refusal_ && !failure_ && !is_stopping_) {
        if (is_full()) {
            co_await wait(read_more_);
            continue;
        }
        waiting_since_ = Clock::now();
        auto frame = co_await stream_->read_frame(session_->max_payload());
        waiting_since_.reset();
        if (frame) {
            const std::size_t size = frame->payload.size();
            carry_out(session_->on_frame(*frame), size);
        } else if (const auto* oversized = std::get_if<client::FrameTooLarge>(&frame.error().cause)) {
            carry_out(session_->on_oversized(oversized->header), 0);
        } else if (!failure_ && !is_stopping_ && !refusal_) {
            failure_ = frame.error();
        }
    }
}

void Connection::carry_out(Step step, std::size_t payload_size) {
    if (refusal_) return; // fenced in the meantime, say: nothing of the peer counts any more
    if (!step.reply.empty()) reply(std::move(step.reply));
    refusal_ = std::move(step.refusal);
    if (auto* submission = std::get_if<storage::Submission>(&step.wish)) submit(std::move(*submission), payload_size);
    if (auto* request = std::get_if<Request>(&step.wish)) ask(std::move(*request));
    if (const auto* request = std::get_if<protocol::CleanupOldShares>(&step.wish)) clean_up(*request);
}

void Connection::submit(storage::Submission submission, std::size_t payload_size) {
    submission.received_at = milliseconds_now();
    submitted_.push_back(
        {.cost = in_flight_cost(payload_size, submission.records.size()), .first_sequence = submission.first_sequence});
    in_flight_ += submitted_.back().cost;
    house_.queue.submit(shared_from_this(), std::move(submission));
}

void Connection::ask(Request request) {
    // Health is told even if both readers wait for the disk.
    if (std::holds_alternative<protocol::GetHealth>(request))
        return reply(answer(house_.store, house_.queue.state(), request));
    if (questions_ == max_questions) {
        const auto id = std::visit([](const auto& question) { return question.request_id; }, request);
        return reply(refuse_request(id, codes::busy, "16 requests wait already"));
    }
    ++questions_;
    asio::post(house_.readers, [self = shared_from_this(), request = std::move(request)] {
        auto frame = answer(self->house_.store, self->house_.queue.state(), request);
        asio::post(self->house_.io, [self, frame = std::move(frame)]() mutable {
            --self->questions_;
            if (!self->refusal_) self->reply(std::move(frame));
        });
    });
}

void Connection::clean_up(const protocol::CleanupOldShares& request) {
    const std::uint32_t id = request.request_id;
    if (is_cleaning_up_) return reply(refuse_request(id, codes::busy, "a cleanup of this session is under way"));
    const Clocks now = read_clocks();
    if (!house_.clock.look(now))
        return reply(refuse_request(id, codes::invalid_request,
                                    "the server's wall clock has jumped: what is 72 hours old is not known until it is "
                                    "set right, or the server restarted"));
    if (request.older_than > youngest_to_remove(now.wall))
        return reply(refuse_request(id, codes::invalid_request,
                                    "older_than is less than 72 hours ago: what is younger tells duplicates"));
    is_cleaning_up_ = true;
    house_.queue.clean_up(request.older_than, [self = shared_from_this(), id](storage::Result<std::uint64_t> removed) {
        asio::post(self->house_.io, [self, id, removed = std::move(removed)] {
            self->is_cleaning_up_ = false;
            if (!self->refusal_) self->reply(answer_cleanup(id, removed));
        });
    });
}

void Connection::reply(protocol::Bytes frame) {
    reply_bytes_ += frame.size();
    replies_.push_back(std::move(frame));
    write_more_.cancel();
}

void Connection::refuse(Refusal refusal) {
    if (refusal_ || !is_open_) return;
    reply(session_->refuse(refusal.code, refusal.detail).reply);
    refusal_ = std::move(refusal);
    stop_reading();
}

void Connection::on_outcomes(std::vector<storage::Outcome> outcomes) {
    asio::post(house_.io, [self = shared_from_this(), outcomes = std::move(outcomes)] { self->settle(outcomes); });
}

void Connection::settle(const std::vector<storage::Outcome>& outcomes) {
    for (const auto& outcome : outcomes) {
        const auto [cost, first] = submitted_.front();
        submitted_.pop_front();
        settled_ += cost;
        if (outcome && outcome->unread > 0) {
            unread_ += outcome->unread;
            handlers_.on_unread(*this, {.first = first, .last = first + outcome->unread - 1, .in_session = unread_});
        }
        if (refusal_) continue; // what comes after the first refusal was not stored either
        if (auto refusal = session_->on_outcome(outcome)) refuse(*std::move(refusal));
    }
    give_back_window();
    write_more_.cancel();
}

// Not while submissions of a peer that has gone still wait: they take the memory that the window stands for.
void Connection::give_back_window() {
    if (has_ended_ && submitted_.empty()) house_.windows.release(std::exchange(window_, 0));
}

bool Connection::is_full() const {
    return in_flight_ > window_ || reply_bytes_ > max_reply_bytes;
}

bool Connection::is_done() const {
    if (failure_ || refusal_) return true;
    // At a stop a store that fails is not waited for: what it did not acknowledge is sent again. One that is slow is,
    // as long as the role waits at all.
    const auto store = house_.queue.state().kind;
    const bool is_waited_for = store == StoreState::Kind::available || store == StoreState::Kind::slow;
    const bool is_settled = submitted_.empty() || !is_waited_for;
    return is_stopping_ && reading_ended_ && is_settled && questions_ == 0;
}

// Acknowledgments first: answers can wait, and so can a reason.
asio::awaitable<void> Connection::write() {
    while (!failure_) {
        if (auto acknowledgment = session_->take_acknowledgment()) {
            const std::size_t released = session_->owes_acknowledgment() ? 0 : std::exchange(settled_, 0);
            if (!co_await send(*std::move(acknowledgment))) co_return;
            in_flight_ -= released;
            read_more_.cancel();
        } else if (!replies_.empty()) {
            protocol::Bytes frame = std::move(replies_.front());
            replies_.pop_front();
            const std::size_t size = frame.size();
            if (!co_await send(std::move(frame))) co_return;
            reply_bytes_ -= size;
            read_more_.cancel();
        } else if (is_done()) {
            co_return;
        } else {
            co_await wait(write_more_);
        }
    }
}

asio::awaitable<bool> Connection::send(protocol::Bytes frame) {
    writing_since_ = Clock::now();
    auto sent = co_await stream_->write_frame(std::move(frame));
    writing_since_.reset();
    if (!sent && !failure_) failure_ = sent.error();
    co_return sent.has_value();
}

void Connection::stop_reading() {
    reading_.emit(asio::cancellation_type::terminal);
    read_more_.cancel();
    write_more_.cancel();
}

void Connection::stop() {
    is_stopping_ = true;
    if (is_open_)
        stop_reading();
    else
        life_.emit(asio::cancellation_type::terminal);
}

void Connection::fence() {
    refuse({codes::fenced, "another session has attached to this stream"});
}

void Connection::tell(const StoreState& state) {
    if (!is_open_ || !stream_name_ || refusal_) return;
    const auto code = state.is_available() ? std::string_view{} : codes::storage_unavailable;
    reply(protocol::encode_frame(protocol::StoreStatus{.is_available = state.is_available(),
                                                       .code = {std::string{code}},
                                                       .detail = {state.detail.substr(0, 255)}})
              .value());
}

void Connection::check_limits(Clock::time_point now) {
    if (is_stopping_ && is_open_) stop_reading(); // again: a read that began since, or a store that has stalled since
    const bool is_idle = waiting_since_ && now - *waiting_since_ > house_.limits.idle;
    const bool is_stalled = writing_since_ && now - *writing_since_ > house_.limits.write;
    if (!is_open_ || (!is_idle && !is_stalled)) return;
    if (!failure_) failure_ = too_late;
    stream_->abort();
    stop_reading();
}

} // namespace role
