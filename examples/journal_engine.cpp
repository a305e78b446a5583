#include "examples/journal_engine.hpp"

#include "protocol/codec.hpp"
#include "storage/memory/memory_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sodium.h>
#include <string_view>
#include <sys/file.h>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <unistd.h>
#include <utility>
#include <vector>

namespace examples {

namespace {

using namespace storage;
using Kind = StorageError::Kind;
using protocol::Reader;
using protocol::Writer;

// What is written of each row, in this order. An entry's content is in its bytes.
template <class T, class Row>
concept Is = std::same_as<std::remove_const_t<T>, Row>;
struct Fields {
    static auto of(Is<LogEntry> auto& r) {
        return std::tie(r.position, r.stream, r.sequence, r.received_at, r.verdict, r.bytes, r.checksum, r.channel,
                        r.time, r.fingerprint);
    }
    static auto of(Is<StreamRow> auto& r) {
        return std::tie(r.number, r.name.identity, r.name.stream_id, r.pool, r.epoch, r.durable_sequence,
                        r.removed_sequence);
    }
    static auto of(Is<ChannelRow> auto& r) { return std::tie(r.number, r.pool, r.channel_id); }
    static auto of(Is<UserRow> auto& r) { return std::tie(r.number, r.pool, r.user_identity); }
    static auto of(Is<KeyValue> auto& r) { return std::tie(r.key, r.value); }
    static auto of(Is<Run> auto& r) { return std::tie(r.first, r.last, r.chain, r.first_received, r.last_received); }
    static auto of(Is<HourRow> auto& r) { return std::tie(r.subject, r.number, r.hour, r.run, r.tally, r.checksum); }
    static auto of(Is<Head> auto& r) { return std::tie(r.term, r.position, r.chain, r.removed, r.removed_chain); }
    // What must be the same for ever.
    static auto of(Is<Contents> auto& r) { return std::tie(r.data_set.id, r.data_set.generation, r.fingerprint_key); }
    static auto of(Is<Transaction> auto& r) {
        return std::tie(r.expected, r.entries, r.streams, r.channels, r.users, r.derived, r.replaced_run, r.runs,
                        r.hours, r.removed, r.head);
    }
};

// To a Writer or from a Reader. Numbers little-endian, tallies as on the wire; lists with their length before them.
template <class Pipe, class T> void pass(Pipe& pipe, T& value) {
    constexpr bool reads = std::same_as<Pipe, Reader>;
    if constexpr (std::is_enum_v<std::remove_const_t<T>> || std::integral<T>) {
        if constexpr (reads) value = static_cast<T>(pipe.template take_integer<sizeof(T)>());
        if constexpr (!reads) pipe.template put_integer<sizeof(T)>(static_cast<std::uint64_t>(value));
    } else if constexpr (requires { Fields::of(value); }) {
        std::apply([&](auto&... field) { (pass(pipe, field), ...); }, Fields::of(value));
    } else if constexpr (requires { value.has_value(); }) {
        bool is_there = value.has_value();
        pass(pipe, is_there);
        if constexpr (reads) value = is_there ? T{std::in_place} : T{};
        if (is_there) pass(pipe, *value);
    } else if constexpr (requires { value.begin(); }) {
        std::uint64_t size = value.size();
        pass(pipe, size);
        if constexpr (reads && requires { value.resize(0); }) value.resize(std::min(size, pipe.rest().size()));
        for (auto& item : value) pass(pipe, item);
    } else {
        if constexpr (reads) protocol::get(pipe, value);
        if constexpr (!reads) protocol::put(pipe, value);
    }
}

// A frame: the length of its body, the body's checksum, a checksum over these two, and then the body. So it shows
// whether it is whole, and a damaged length is not taken for a frame that the end of the file has cut short.
std::uint64_t checksum_of(protocol::ByteView bytes) {
    constexpr std::array<std::uint8_t, crypto_shorthash_KEYBYTES> no_key{}; // against damage, not against forgery
    std::array<std::uint8_t, crypto_shorthash_BYTES> sum{};
    crypto_shorthash(sum.data(), bytes.data(), bytes.size(), no_key.data());
    return std::bit_cast<std::uint64_t>(sum);
}

template <class T> protocol::Bytes frame_of(const T& value) {
    Writer body;
    pass(body, value);
    Writer frame;
    frame.put_integer<8>(body.written().size());
    frame.put_integer<8>(checksum_of(body.written()));
    frame.put_integer<8>(checksum_of(frame.written()));
    frame.put(body.written());
    return std::move(frame).take();
}

// What a crash during the last write can leave behind, and what it cannot.
enum class Flaw : std::uint8_t { torn, damaged };

// Takes the first frame off `bytes`.
template <class T> std::expected<T, Flaw> take_frame(protocol::ByteView& bytes) {
    Reader in{bytes};
    const std::uint64_t size = in.take_integer<8>();
    const std::uint64_t checksum = in.take_integer<8>();
    const std::uint64_t header_checksum = in.take_integer<8>();
    if (in.error()) return std::unexpected(Flaw::torn);
    if (checksum_of(bytes.first(16)) != header_checksum) { // a file can grow, by zeros, before its data is there
        const bool is_nothing = std::ranges::all_of(in.rest(), [](std::uint8_t byte) { return byte == 0; });
        return std::unexpected(is_nothing ? Flaw::torn : Flaw::damaged);
    }
    const protocol::ByteView body = in.take(size);
    if (in.error()) return std::unexpected(Flaw::torn);
    if (checksum_of(body) != checksum) return std::unexpected(in.rest().empty() ? Flaw::torn : Flaw::damaged);
    Reader fields{body};
    T value{};
    pass(fields, value);
    if (fields.error()) return std::unexpected(Flaw::damaged);
    bytes = in.rest();
    return value;
}

constexpr std::string_view magic = "SV2JOUR3"; // the file's first 8 bytes; then a frame with the store's identity

// The memory engine answers whatever is read, and does what the journal has on the disk already.
class JournalEngine final : public MemoryEngine {
  public:
    JournalEngine(std::filesystem::path file, int descriptor) : file_{std::move(file)}, descriptor_{descriptor} {}
    ~JournalEngine() override { ::close(descriptor_); }

    // To be called first, once.
    Result<void> open() {
        if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) return error(Kind::in_use, "another process has it");
        std::ifstream in{file_, std::ios::binary};
        if (!in) return error(Kind::unavailable, "it cannot be read");
        const protocol::Bytes bytes{std::istreambuf_iterator<char>{in}, {}};
        return bytes.empty() ? make() : replay(bytes);
    }

    [[nodiscard]] std::string_view name() const override { return "journal"; }
    [[nodiscard]] protocol::Durability durability() const override { return protocol::Durability::local; }

    Result<Contents> load() override {
        auto contents = MemoryEngine::load();
        if (!contents) return contents;
        contents->data_set = identity_.data_set;
        contents->fingerprint_key = identity_.fingerprint_key;
        return contents;
    }

    // The journal first: what memory shows is on the disk.
    Result<void> write(const Transaction& transaction) override {
        if (is_broken_) return error(Kind::poisoned, "an earlier write has failed for good");
        if (transaction.expected != head_) return std::unexpected(wrong_head(transaction.expected.term == head_.term));
        if (const auto appended = append(frame_of(transaction)); !appended) return appended;
        head_ = transaction.head;
        return MemoryEngine::write(transaction);
    }

  private:
    // An empty file becomes a store; its name is made durable with it.
    Result<void> make() {
        auto fresh = MemoryEngine::load();
        if (!fresh) return std::unexpected(fresh.error());
        identity_ = *std::move(fresh);
        protocol::Bytes bytes{magic.begin(), magic.end()};
        const protocol::Bytes frame = frame_of(identity_);
        bytes.insert(bytes.end(), frame.begin(), frame.end());
        if (const auto appended = append(bytes); !appended) return appended;
        const auto folder = std::filesystem::absolute(file_).parent_path();
        const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const bool is_synced = parent >= 0 && fsync(parent) == 0;
        const int code = errno;
        ::close(parent);
        if (!is_synced) return failed(code, "its folder cannot be synced");
        return {};
    }

    // Everything again, as it was written. What is torn at the end was never acknowledged, and is cut off.
    Result<void> replay(protocol::ByteView bytes) {
        const std::string_view first{reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), magic.size())};
        if (first != magic) return error(Kind::foreign, "this is no journal of ours, or one of another version");
        protocol::ByteView rest = bytes.subspan(magic.size());
        end_ = magic.size();
        const auto identity = take_frame<Contents>(rest);
        if (!identity) return damaged();
        identity_ = *identity;
        end_ = bytes.size() - rest.size();
        while (!rest.empty()) {
            auto transaction = take_frame<Transaction>(rest);
            if (!transaction && transaction.error() == Flaw::torn) break;
            if (!transaction) return damaged();
            for (auto* const entries : {&transaction->entries, &transaction->removed}) {
                for (LogEntry& entry : *entries) {
                    if (auto read = protocol::read_record(entry.bytes)) entry.content = *std::move(read);
                }
            }
            if (const auto written = MemoryEngine::write(*transaction); !written) return written;
            head_ = transaction->head;
            end_ = bytes.size() - rest.size();
        }
        if (end_ != bytes.size() && !cut()) return failed(errno, "its torn end cannot be cut off");
        return {};
    }

    // At the end, durable, or not at all.
    Result<void> append(protocol::ByteView bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            const auto written =
                pwrite(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(end_ + done));
            if (written < 0) {
                const int code = errno;
                is_broken_ = !cut(); // half a frame with whole ones behind it would be damage
                return failed(code, "it cannot be written");
            }
            done += static_cast<std::size_t>(written);
        }
        if (fdatasync(descriptor_) != 0) { // a second try would succeed, and mean nothing
            is_broken_ = true;
            return error(Kind::poisoned, "it cannot be synced");
        }
        end_ += bytes.size();
        return {};
    }

    [[nodiscard]] bool cut() const {
        return ftruncate(descriptor_, static_cast<off_t>(end_)) == 0 && fdatasync(descriptor_) == 0;
    }

    [[nodiscard]] std::unexpected<StorageError> error(Kind kind, std::string_view what) const {
        return std::unexpected(StorageError{.kind = kind, .detail = fmt::format("{}: {}", file_.string(), what)});
    }
    [[nodiscard]] std::unexpected<StorageError> damaged() const {
        return error(Kind::corrupt, fmt::format("the frame at byte {} is damaged", end_));
    }
    [[nodiscard]] std::unexpected<StorageError> failed(int code, std::string_view what) const {
        const bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
        return error(is_full ? Kind::full : Kind::unavailable,
                     fmt::format("{}: {}", what, std::generic_category().message(code)));
    }

    const std::filesystem::path file_;
    const int descriptor_;
    Contents identity_; // what it was when the file was made
    Head head_;
    std::uint64_t end_ = 0; // of what is whole
    bool is_broken_ = false;
};

} // namespace

Result<std::unique_ptr<Engine>> open_journal(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return std::unexpected(
            StorageError{.kind = Kind::unusable,
                         .detail = fmt::format("{}: {}", file.string(), std::generic_category().message(errno))});
    }
    auto engine = std::make_unique<JournalEngine>(file, descriptor);
    if (const auto opened = engine->open(); !opened) return std::unexpected(opened.error());
    return engine;
}

} // namespace examples
