// The shares of a store in PostgreSQL, copied once more into a table with the same columns and indexes, and nothing
// else: what the server can do at best with as many rows in each transaction.
//   DATABASE_URL=... bare_copy_bench ROWS_IN_A_TRANSACTION     (the url must name the store's schema)
#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

class Server {
  public:
    explicit Server(const char* url) : handle_{PQconnectdb(url), &PQfinish} {
        if (PQstatus(handle_.get()) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(handle_.get())};
    }

    void run(const std::string& sql, ExecStatusType expected = PGRES_COMMAND_OK) {
        const std::unique_ptr<PGresult, void (*)(PGresult*)> result{PQexec(handle_.get(), sql.c_str()), &PQclear};
        if (PQresultStatus(result.get()) != expected) throw std::runtime_error{PQerrorMessage(handle_.get())};
    }

    // As the server sends them, each in a piece of its own: the first behind the header, the last is the end.
    std::vector<std::string> rows(const std::string& query) {
        run("COPY (" + query + ") TO STDOUT (FORMAT binary)", PGRES_COPY_OUT);
        std::vector<std::string> rows;
        char* piece = nullptr;
        for (int size = 0; (size = PQgetCopyData(handle_.get(), &piece, 0)) > 0; PQfreemem(piece))
            rows.emplace_back(piece, static_cast<std::size_t>(size));
        finish();
        return rows;
    }

    void copy(const std::string& into, const std::string& bytes) {
        run("COPY " + into + " FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
        if (PQputCopyData(handle_.get(), bytes.data(), static_cast<int>(bytes.size())) != 1 ||
            PQputCopyEnd(handle_.get(), nullptr) != 1)
            throw std::runtime_error{PQerrorMessage(handle_.get())};
        finish();
    }

  private:
    void finish() {
        while (PGresult* const result = PQgetResult(handle_.get())) {
            const bool is_fine = PQresultStatus(result) == PGRES_COMMAND_OK;
            PQclear(result);
            if (!is_fine) throw std::runtime_error{PQerrorMessage(handle_.get())};
        }
    }

    std::unique_ptr<PGconn, void (*)(PGconn*)> handle_;
};

constexpr std::size_t header_size = 19;

void measure(const char* url, std::size_t batch) {
    Server server{url};
    server.run("SET synchronous_commit = on; SET client_min_messages = warning; DROP TABLE IF EXISTS bare_shares");
    server.run("CREATE TABLE bare_shares (LIKE shares INCLUDING ALL) PARTITION BY RANGE (received_at)");
    server.run("CREATE TABLE bare_day PARTITION OF bare_shares FOR VALUES FROM (MINVALUE) TO (MAXVALUE)");
    std::vector<std::string> rows = server.rows("SELECT * FROM shares ORDER BY position");
    const std::string header = rows.front().substr(0, header_size);
    rows.front().erase(0, header_size);
    const std::string end = rows.back();
    if (end.size() == 2) rows.pop_back();
    std::vector<std::string> batches;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % batch == 0) batches.push_back(header);
        batches.back() += rows[row];
    }
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& one : batches) server.copy("bare_shares", one + "\xff\xff");
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("bare COPY, %zu rows a transaction: %zu rows, %.0f rows/s\n", batch, rows.size(),
                static_cast<double>(rows.size()) / seconds.count());
    server.run("DROP TABLE bare_shares");
}

} // namespace

int main(int argc, char** argv) {
    const char* const url = std::getenv("DATABASE_URL");
    if (argc != 2 || url == nullptr) {
        std::fputs("usage: DATABASE_URL=URL bare_copy_bench ROWS_IN_A_TRANSACTION\n", stderr);
        return 2;
    }
    try {
        measure(url, std::stoul(argv[1]));
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "bare_copy_bench: %s\n", problem.what());
        return 1;
    }
}
