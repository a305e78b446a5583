#include "examples/comparison_places.hpp"

#include <fmt/format.h>
#include <unistd.h>

#if WITH_POSTGRES
#include <libpq-fe.h>
#endif

#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace examples {

namespace fs = std::filesystem;

namespace {

#if WITH_POSTGRES
// The first value of what the server answers. Throws std::runtime_error.
std::string ask(const std::string& url, const std::string& question) {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> server{PQconnectdb(url.c_str()), &PQfinish};
    PQexec(server.get(), "SET client_min_messages = warning"); // what goes with a schema is not worth a notice
    const std::unique_ptr<PGresult, void (*)(PGresult*)> answer{PQexec(server.get(), question.c_str()), &PQclear};
    const auto status = PQresultStatus(answer.get());
    if (status == PGRES_COMMAND_OK) return {};
    if (status != PGRES_TUPLES_OK) throw std::runtime_error{fmt::format("postgres: {}", PQerrorMessage(server.get()))};
    return PQgetvalue(answer.get(), 0, 0);
}
#else
std::string ask(const std::string&, const std::string&) {
    return {}; // nothing has a place there
}
#endif

} // namespace

ComparisonPlaces::~ComparisonPlaces() {
    for (const std::string& schema : schemas_) {
        try {
            ask(database_url_, fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", schema));
        } catch (const std::exception& failure) {
            fmt::print(stderr, "the schema {} is left: {}\n", schema, failure.what());
        }
    }
}

std::string ComparisonPlaces::why_not(std::string_view backend) const {
    if (backend != "postgres" || !database_url_.empty()) return {};
    return "needs a database to make schemas in: --database-url or DATABASE_URL";
}

storage::StoreConfig ComparisonPlaces::make(const std::string& backend, std::string_view use) {
    const int number = ++made_;
    if (backend != "postgres") {
        const fs::path folder = folder_ / fmt::format("{}-{}-{}", backend, use, number);
        fs::create_directory(folder);
        return {.backend = backend, .database_path = folder / "store"};
    }
    const std::string& schema = schemas_.emplace_back(fmt::format("comparison_{}_{}", ::getpid(), number));
    const char separator = database_url_.find('?') == std::string::npos ? '?' : '&';
    return {.backend = backend,
            .database_url = fmt::format("{}{}options=-csearch_path%3D{}", database_url_, separator, schema),
            .patience = std::chrono::seconds{0}};
}

std::uintmax_t ComparisonPlaces::bytes(const storage::StoreConfig& place) const {
    if (place.database_url.empty()) {
        std::uintmax_t bytes = 0;
        for (const auto& file : fs::recursive_directory_iterator{place.database_path.parent_path()})
            if (file.is_regular_file()) bytes += file.file_size();
        return bytes;
    }
    const std::string schema = place.database_url.substr(place.database_url.rfind("%3D") + 3);
    const std::string size = ask(
        database_url_, fmt::format("SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON "
                                   "n.oid = c.relnamespace WHERE n.nspname = '{}' AND c.relkind = 'r'",
                                   schema));
    return std::strtoull(size.c_str(), nullptr, 10);
}

} // namespace examples
