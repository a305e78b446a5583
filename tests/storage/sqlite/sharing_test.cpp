#include "tests/storage/sqlite/scene.hpp"

#include <atomic>
#include <chrono>
#include <thread>

using namespace sqlite_scene;

TEST_CASE("a store whose term has changed is another role's: it is not written any more") {
    Scene scene;
    auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 2).take()));
    Prompt prompt{scene.file};
    prompt.run("UPDATE head SET term = term + 1");
    const Transaction late = log.add_shares(1, 2).take();
    CHECK(kind(engine->write(late)) == Kind::superseded);
    prompt.run("UPDATE head SET term = term - 1");
    CHECK(kind(engine->write(late)) == Kind::superseded);
    CHECK(head(*engine) == 2);
    check_whole(*engine);
    REQUIRE(engine->close());
    engine = open(scene.file);
    CHECK(engine->write(late));
    check_whole(*engine);
}

TEST_CASE("a store that does not end where what is to be written begins is left alone, and may be asked") {
    Scene scene;
    check_other_heads(*open(scene.file));
}

TEST_CASE("a lock that a person holds delays a transaction, and then it is tried again") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    const Transaction transaction = log.add_shares(1, 3).take();
    Prompt prompt{scene.file};
    prompt.run("BEGIN IMMEDIATE");
    CHECK(kind(engine->write(transaction)) == Kind::unavailable);
    CHECK(head(*engine) == 0);
    prompt.run("ROLLBACK");
    CHECK(engine->write(transaction));
    check_whole(*engine);
}

TEST_CASE("readers see the log between two transactions, never half of one") {
    Scene scene;
    const auto engine = open(scene.file);
    constexpr std::size_t each = 10;
    std::atomic<bool> has_ended = false;
    std::atomic<bool> is_torn = false;
    std::atomic<int> failures = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 6; ++i) // more than there are connections
        readers.emplace_back([&] {
            while (!has_ended) {
                const auto contents = engine->load();
                const auto entries = engine->read(1, end_of_numbers, end_of_numbers);
                const auto of_stream = engine->read_stream(1, 1, end_of_numbers);
                if (!contents || !entries || !of_stream) {
                    ++failures;
                    continue;
                }
                const auto streams = contents->streams.empty() ? 0 : contents->streams[0].durable_sequence;
                is_torn = is_torn || contents->head.position != streams * 2 || entries->size() % each != 0 ||
                          of_stream->size() % (each / 2) != 0 || entries->size() < contents->head.position;
            }
        });
    Log log{*engine};
    bool is_written = true;
    for (int i = 0; i < 100; ++i) {
        for (std::size_t k = 0; k < each / 2; ++k) // kinds and streams alternate
            log.add_shares(1, 1).add(2, block("b"));
        is_written = is_written && engine->write(log.take());
    }
    has_ended = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(is_written);
    CHECK_FALSE(is_torn);
    CHECK(failures == 0);
    check_whole(*engine);
}

TEST_CASE("an interrupted call ends with unavailable, and later ones work") {
    Scene scene;
    const auto engine = open(scene.file);
    Log log{*engine};
    REQUIRE(engine->write(log.add_shares(1, 5000).take()));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    std::atomic<bool> has_ended = false;
    std::thread interrupter{[&] {
        while (!has_ended) engine->interrupt();
    }};
    bool read = false;
    while (!read && std::chrono::steady_clock::now() < deadline) {
        const auto entries = engine->read(1, end_of_numbers, end_of_numbers);
        read = !entries && entries.error().kind == Kind::unavailable;
    }
    bool written = false;
    while (!written && std::chrono::steady_clock::now() < deadline) {
        const auto done = engine->write(log.add_shares(1, 50).take());
        if (done) continue;
        written = done.error().kind == Kind::unavailable;
        break;
    }
    has_ended = true;
    interrupter.join();
    CHECK(read);
    CHECK(written);
    check_whole(*engine);
    Log after{*engine};
    CHECK(engine->write(after.add_shares(1, 50).take()));
    check_whole(*engine);
}
