#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "crypto/crypto.h"

namespace lander::http {
namespace {

using base::Code;
using base::Error;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

std::string openssl_reason() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = error != 0 ? ERR_reason_error_string(error) : nullptr;
  return reason != nullptr ? reason : "no reason given";
}

std::string key_id_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
  if (size <= 0) return {};
  std::string id = crypto::sha256_hex({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return id;
}

std::string name_of(X509* certificate) {
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
  return name;
}

// A socket BIO of our own: OpenSSL's would raise SIGPIPE, and this one counts.
struct Wire {
  int fd = -1;
  int error = 0;
  std::uint64_t in = 0, out = 0;
};

int moved(BIO* bio, Wire& wire, ssize_t count, std::uint64_t& total, bool reading) {
  BIO_clear_retry_flags(bio);
  if (count >= 0) {
    total += static_cast<std::uint64_t>(count);
    return static_cast<int>(count);
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    reading ? BIO_set_retry_read(bio) : BIO_set_retry_write(bio);
  } else {
    wire.error = errno;
  }
  return -1;
}

int wire_write(BIO* bio, const char* data, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  return moved(bio, wire, ::send(wire.fd, data, size, MSG_NOSIGNAL), wire.out, false);
}

int wire_read(BIO* bio, char* data, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  const int got = moved(bio, wire, ::recv(wire.fd, data, size, 0), wire.in, true);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return got;
}

long wire_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* wire_method() {
  static const BIO_METHOD* method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lander socket");
    LANDER_CHECK(made != nullptr);
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
  }();
  return method;
}

class TlsStream : public Stream {
 public:
  TlsStream(SSL_CTX* context, int fd) : ssl_(SSL_new(context)) {
    LANDER_CHECK(ssl_ != nullptr);
    wire_.fd = fd;
    BIO* bio = BIO_new(wire_method());
    LANDER_CHECK(bio != nullptr);
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  ~TlsStream() override {
    // Else the session is forgotten when its connection broke.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  SSL* ssl() { return ssl_.get(); }

  Io handshake() override {
    ERR_clear_error();
    return outcome(SSL_do_handshake(ssl_.get()));
  }

  Io read(std::span<std::uint8_t> into, std::size_t& count) override {
    ERR_clear_error();
    return outcome(SSL_read_ex(ssl_.get(), into.data(), into.size(), &count));
  }

  Io write(base::ByteView from, std::size_t& count) override {
    ERR_clear_error();
    return outcome(SSL_write_ex(ssl_.get(), from.data(), from.size(), &count));
  }

  void shutdown() override {
    if (SSL_is_init_finished(ssl_.get()) != 0 && !broken_) {
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
    }
    ::shutdown(wire_.fd, SHUT_WR);
  }

  Identity peer() const override {
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return {};
    return {key_id_of(certificate), name_of(certificate)};
  }

  Error failure() const override { return failure_; }
  bool heard_plain_http() const override { return heard_plain_http_; }
  std::uint64_t bytes_in() const override { return wire_.in; }
  std::uint64_t bytes_out() const override { return wire_.out; }

 private:
  Io outcome(int result) {
    if (result > 0) return Io::kDone;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Io::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return Io::kWantWrite;
      case SSL_ERROR_ZERO_RETURN:
        return Io::kEnd;
      default:
        break;
    }
    broken_ = true;
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    heard_plain_http_ = reason == SSL_R_HTTP_REQUEST;
    if (wire_.error != 0) {
      failure_ =
          Error(Code::kUnavailable, std::string("connection: ") + std::strerror(wire_.error));
    } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      failure_ = Error(Code::kDenied, verify_failure());
    } else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
      failure_ = Error(Code::kUnavailable, "the peer closed the connection without TLS's goodbye");
    } else {
      failure_ = Error(Code::kUnavailable, "TLS: " + openssl_reason());
    }
    return Io::kFailed;
  }

  std::string verify_failure() const {
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict == X509_V_ERR_APPLICATION_VERIFICATION) {
      return "the server's key is not the pinned one";
    }
    return std::string("the server's certificate is not trusted: ") +
           X509_verify_cert_error_string(verdict);
  }

  SslPtr ssl_;
  Wire wire_;
  bool broken_ = false, heard_plain_http_ = false;
  Error failure_{Code::kUnavailable, "the connection is closed"};
};

int accept_any_certificate(X509_STORE_CTX*, void*) { return 1; }

// `pin` is a std::string: the key id. Checked within the handshake, so that our own certificate is
// not shown to an impostor.
int accept_pinned_key(X509_STORE_CTX* store, void* pin) {
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  const std::string id = certificate != nullptr ? key_id_of(certificate) : std::string();
  if (id == *static_cast<const std::string*>(pin)) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int choose_http11(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                  unsigned in_size, void*) {
  static const unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11) - 1, in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

base::Result<ContextPtr> new_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method));
  if (!context) return Error(Code::kInternal, "TLS context: " + openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  return context;
}

base::Status use_certificate(SSL_CTX* context, const std::string& certificate_pem,
                             const std::string& key_pem) {
  ERR_clear_error();
  BioPtr text(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  X509Ptr leaf(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Error(Code::kInvalid,
                 "TLS certificate: expected a PEM certificate: " + openssl_reason());
  }
  while (X509* next = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add0_chain_cert(context, next);
  }
  ERR_clear_error();  // the end of the PEM
  BioPtr key_text(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Error(Code::kInvalid,
                 "TLS key: expected the certificate's private key as PEM: " + openssl_reason());
  }
  return {};
}

}  // namespace

struct Tls::Impl {
  ContextPtr context;
  std::string pin;
  std::mutex mutex;
  SessionPtr session;  // of the pinned peer, the newest; guarded by mutex
};

namespace {

// OpenSSL's callback when the peer offers a session. 0: we took no share in it.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* impl = static_cast<Tls::Impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const std::lock_guard lock(impl->mutex);
  impl->session.reset(SSL_SESSION_dup(session));  // the original dies when its connection fails
  return 0;
}

void keep_sessions_of_clients(SSL_CTX* context) {
  static const unsigned char kOurs[] = "lander";
  SSL_CTX_set_session_id_context(context, kOurs, sizeof(kOurs) - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, Tls::kMaxSessions);
  SSL_CTX_set_timeout(context, base::kDay / base::kSecond);
  // SSL_OP_NO_TICKET stays: a ticket is then the name of a session that is kept here, 32 bytes; one
  // that held the client's certificate would be longer than what resuming saves.
  SSL_CTX_set_num_tickets(context, 1);
  // A connection that breaks off is no attack here (every request says how long it is), but OpenSSL
  // would take it for one and forget the session, just where lines break.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

}  // namespace

Tls::Tls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tls::~Tls() = default;

base::Result<std::unique_ptr<Tls>> Tls::server(const std::string& certificate_pem,
                                               const std::string& key_pem, bool ask) {
  LANDER_ASSIGN(ContextPtr context, new_context(TLS_server_method()));
  LANDER_TRY(use_certificate(context.get(), certificate_pem, key_pem));
  SSL_CTX_set_alpn_select_cb(context.get(), choose_http11, nullptr);
  if (ask) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), accept_any_certificate, nullptr);
    keep_sessions_of_clients(context.get());
  } else {
    SSL_CTX_set_num_tickets(context.get(), 0);
  }
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

base::Result<std::unique_ptr<Tls>> Tls::client(const std::string& pinned_key_id,
                                               const std::string& certificate_pem,
                                               const std::string& key_pem) {
  LANDER_ASSIGN(ContextPtr context, new_context(TLS_client_method()));
  if (!certificate_pem.empty()) {
    LANDER_TRY(use_certificate(context.get(), certificate_pem, key_pem));
  }
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  impl->pin = pinned_key_id;
  SSL_CTX_set_verify(impl->context.get(), SSL_VERIFY_PEER, nullptr);
  if (!impl->pin.empty()) {
    SSL_CTX_set_cert_verify_callback(impl->context.get(), accept_pinned_key, &impl->pin);
    SSL_CTX_set_app_data(impl->context.get(), impl.get());
    SSL_CTX_set_session_cache_mode(impl->context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(impl->context.get(), keep_session);
  } else if (SSL_CTX_set_default_verify_paths(impl->context.get()) != 1) {
    return Error(Code::kInternal, "the system's authorities: " + openssl_reason());
  }
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

base::Result<std::unique_ptr<Tls>> Tls::stranger() {
  LANDER_ASSIGN(ContextPtr context, new_context(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

std::unique_ptr<Stream> Tls::accept(int fd) const {
  auto stream = std::make_unique<TlsStream>(impl_->context.get(), fd);
  SSL_set_accept_state(stream->ssl());
  return stream;
}

std::unique_ptr<Stream> Tls::connect(int fd, const std::string& host) const {
  auto stream = std::make_unique<TlsStream>(impl_->context.get(), fd);
  SSL* ssl = stream->ssl();
  SSL_set_connect_state(ssl);
  unsigned char address[16];
  const bool numeric = inet_pton(AF_INET, host.c_str(), address) == 1 ||
                       inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (numeric) {
    if (impl_->pin.empty()) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    if (impl_->pin.empty()) SSL_set1_host(ssl, host.c_str());
  }
  static const unsigned char kHttp11[] = "\x08http/1.1";
  SSL_set_alpn_protos(ssl, kHttp11, sizeof(kHttp11) - 1);
  const std::lock_guard lock(impl_->mutex);
  if (impl_->session) SSL_set_session(ssl, impl_->session.get());
  return stream;
}

}  // namespace lander::http
