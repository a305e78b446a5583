// An ordered key-value store of several tables, as small as the engine over it needs. One thread commits at a time;
// snapshots are taken by any thread, also during a commit, and each is used by one.
#pragma once

#include "protocol/primitives.hpp"
#include "storage/error.hpp"
#include "storage/keyed/batch.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace storage::keyed {

// Keys are in the order of their bytes. Views are valid until the cursor moves.
class Cursor {
  public:
    Cursor() = default;
    Cursor(const Cursor&) = delete;
    Cursor(Cursor&&) = delete;
    Cursor& operator=(const Cursor&) = delete;
    Cursor& operator=(Cursor&&) = delete;
    virtual ~Cursor() = default;

    // To the first key from this one on, or to the last up to it. Whether there is one, as the next two.
    virtual Result<bool> seek(protocol::ByteView key) = 0;
    virtual Result<bool> seek_back(protocol::ByteView key) = 0;
    virtual Result<bool> next() = 0;
    virtual Result<bool> previous() = 0;

    [[nodiscard]] virtual protocol::ByteView key() const = 0;
    [[nodiscard]] virtual protocol::ByteView value() const = 0;
};

// All tables as some commit left them.
class Snapshot {
  public:
    Snapshot() = default;
    Snapshot(const Snapshot&) = delete;
    Snapshot(Snapshot&&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    Snapshot& operator=(Snapshot&&) = delete;
    virtual ~Snapshot() = default;

    // One for each table; asked for again, it is the same. Lives as long as the snapshot.
    virtual Result<Cursor*> cursor(Table table) = 0;
};

class KeyValues {
  public:
    KeyValues() = default;
    KeyValues(const KeyValues&) = delete;
    KeyValues(KeyValues&&) = delete;
    KeyValues& operator=(const KeyValues&) = delete;
    KeyValues& operator=(KeyValues&&) = delete;
    virtual ~KeyValues() = default;

    [[nodiscard]] virtual std::string_view name() const = 0;

    // All of it durable when this returns, or none of it; the batch's objection if what it expects is not there.
    virtual Result<void> commit(const Batch& batch) = 0;
    virtual Result<std::unique_ptr<Snapshot>> snapshot() = 0;
    // As Engine::warning().
    [[nodiscard]] virtual std::string warning() const = 0;
    virtual Result<void> close() = 0;
};

} // namespace storage::keyed
