// A byte stream over a non-blocking socket, plain or TLS: one interface for server and client.
// Never blocks; says what to wait for. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"

namespace lander::http {

enum class Io : std::uint8_t {
  kDone,       // some bytes moved, or the handshake is over
  kWantRead,   // call again when the socket can be read
  kWantWrite,  // call again when the socket can be written
  kEnd,        // the peer said properly that nothing more comes
  kFailed,     // failure() says why; the stream is of no further use
};

// The peer's proven key; empty when it showed none.
struct Identity {
  std::string key_id;  // crypto::PublicKey::id
  std::string name;    // the certificate's common name, as it claims
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual Io handshake() = 0;
  virtual Io read(std::span<std::uint8_t> into, std::size_t& count) = 0;
  virtual Io write(base::ByteView from, std::size_t& count) = 0;
  virtual void shutdown() = 0;  // tells the peer that nothing more will come; best effort
  virtual Identity peer() const { return {}; }
  virtual base::Error failure() const = 0;
  virtual bool heard_plain_http() const { return false; }  // a server's failed handshake
  virtual std::uint64_t bytes_in() const = 0;              // on the wire
  virtual std::uint64_t bytes_out() const = 0;
};

// Borrows the descriptor.
std::unique_ptr<Stream> plain_stream(int fd);

}  // namespace lander::http
