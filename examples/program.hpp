// What the main() of every example does: reads the command line, runs, and turns what happened into an exit code.
// 0 done; 1 failed at run time; 2 wrong command line.
#pragma once

#include "examples/must.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

namespace examples {

// A mistake on the command line that only the program can see.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class Run> int run_program(CLI::App& app, int argc, char** argv, Run run) {
    constexpr int exit_usage = 2;
    try {
        app.parse(argc, argv);
        run();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : exit_usage;
    } catch (const UsageError& error) {
        fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
        return exit_usage;
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

} // namespace examples
