// TLS for server and client, OpenSSL 3 inside. Keys are identities: no dates and no names are
// looked at where a key id decides, so that a wrong clock locks nobody out.
#pragma once

#include <memory>
#include <string>

#include "http/stream.h"

namespace lander::http {

// Thread-safe after construction; outlives its streams.
class Tls {
 public:
  // TLS 1.3 and 1.2. With `ask`, a client certificate is asked for, and any whose key's possession
  // is proven passes; then a client may also resume what it proved within the last day, which costs
  // it half the bytes: its key is known again by the session, of which the last kMaxSessions are
  // kept here, in memory. Who may do what is decided on each request by the key, so a revocation
  // holds. Without `ask` no session outlives its connection.
  static constexpr long kMaxSessions = 4096;
  static base::Result<std::unique_ptr<Tls>> server(const std::string& certificate_pem,
                                                   const std::string& key_pem, bool ask);
  // Trusts the pinned key, whose sessions it resumes, or without a pin the system's authorities and
  // the host's name. `certificate_pem` and `key_pem` may be empty: no client certificate.
  static base::Result<std::unique_ptr<Tls>> client(const std::string& pinned_key_id,
                                                   const std::string& certificate_pem,
                                                   const std::string& key_pem);
  // Believes whoever answers. Only to learn a key that a person then compares: say nothing over it.
  static base::Result<std::unique_ptr<Tls>> stranger();
  ~Tls();

  std::unique_ptr<Stream> accept(int fd) const;
  // failure() is kDenied when the server's key or certificate is not the trusted one.
  std::unique_ptr<Stream> connect(int fd, const std::string& host) const;

  struct Impl;

 private:
  explicit Tls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lander::http
