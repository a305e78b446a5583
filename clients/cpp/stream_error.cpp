#include "clients/cpp/stream_error.hpp"

#include <boost/asio/error.hpp>

namespace client {

namespace {

struct Describe {
    std::string operator()(const boost::system::error_code& error) const {
        if (error == boost::asio::error::eof) return "the peer closed the connection";
        if (error == boost::asio::error::timed_out) return "the time limit was reached";
        return error.message();
    }
    std::string operator()(noise::NoiseError error) const { return std::string{noise::describe(error)}; }
    std::string operator()(const FrameTooLarge& refused) const {
        return "a frame of " + std::to_string(refused.header.payload_size) + " bytes is above the limit";
    }
};

} // namespace

std::string StreamError::describe() const {
    return std::visit(Describe{}, cause);
}

} // namespace client
