// InfluxDB 1.x, a server of its own: line protocol over HTTP on loopback, one POST a batch, its log
// synced before it answers (wal-fsync-delay 0, the default). It may snapshot and compact as soon as
// nothing is written for a second, so that settle() sees the end of it.
#include <netinet/tcp.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "../measure.h"
#include "engine.h"

namespace bench {

using namespace lander;

namespace {

const char* const kPrograms[] = {"build/deps/influxdb/usr/bin/influxd", "/usr/bin/influxd"};

std::string program() {
  for (const char* path : kPrograms)
    if (::access(path, X_OK) == 0) return path;
  return "";
}

// One kept connection, one request at a time.
class Http {
 public:
  explicit Http(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fail("InfluxDB does not answer");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{120, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Http() { ::close(fd_); }

  template <class Each>  // is given the answer's body in pieces
  void post(const std::string& target, const std::string& body, Each each) {
    send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nAccept: application/csv\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    send(body);
    const std::string status = line();
    std::size_t length = 0;
    bool chunked = false;
    for (std::string header = line(); !header.empty(); header = line()) {
      if (::strncasecmp(header.c_str(), "content-length:", 15) == 0)
        length = std::strtoul(header.c_str() + 15, nullptr, 10);
      if (header == "Transfer-Encoding: chunked") chunked = true;
    }
    std::string error;
    const bool ok = status.find(" 20") != std::string::npos;
    const auto take = [&](std::string_view piece) {
      if (ok) {
        each(piece);
      } else {
        error.append(piece);
      }
    };
    if (!chunked) pieces(length, take);
    while (chunked) {
      const std::size_t size = std::strtoul(line().c_str(), nullptr, 16);
      pieces(size, take);
      line();
      if (size == 0) break;
    }
    if (!ok) fail("InfluxDB: " + status + " " + error);
  }

 private:
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) fail("InfluxDB went away");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void fill() {
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) fail("InfluxDB went away");
    buffer_.assign(bytes, static_cast<std::size_t>(got));
    at_ = 0;
  }
  std::string line() {
    std::string out;
    while (true) {
      if (at_ == buffer_.size()) fill();
      const char c = buffer_[at_++];
      if (c == '\n') break;
      if (c != '\r') out += c;
    }
    return out;
  }
  template <class Take>
  void pieces(std::size_t size, Take take) {
    while (size > 0) {
      if (at_ == buffer_.size()) fill();
      const std::size_t part = std::min(size, buffer_.size() - at_);
      take(std::string_view(buffer_).substr(at_, part));
      at_ += part;
      size -= part;
    }
  }
  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
};

// The rows of a CSV that comes in pieces: sums and counts its columns after the header.
struct Csv {
  std::string rest;
  void take(std::string_view piece, const std::function<void(const char* line)>& row) {
    rest.append(piece);
    std::size_t at = 0;
    for (std::size_t end; (end = rest.find('\n', at)) != std::string::npos; at = end + 1) {
      rest[end] = '\0';
      // With chunked answers each chunk has its own header.
      if (std::strncmp(rest.c_str() + at, "name,", 5) != 0 && end > at) row(rest.c_str() + at);
    }
    rest.erase(0, at);
  }
};

const char* column(const char* line, int at) {
  for (; at > 0 && line != nullptr; --at) {
    line = std::strchr(line, ',');
    if (line != nullptr) ++line;
  }
  return line == nullptr ? "" : line;
}

class Influx : public Engine {
 public:
  explicit Influx(const EngineOptions& options)
      : folder_(options.folder), port_(free_port()), server_(start(port_)) {
    wait_until("InfluxDB listens", [&] { return listens(port_); });
    http_ = std::make_unique<Http>(port_);
    query("CREATE DATABASE b", [](const char*) {});
  }
  void commit(std::vector<Observation>& batch, base::DurationUs) override {
    lines_.clear();
    char line[96];
    for (const auto& observation : batch) {
      const int size = std::snprintf(line, sizeof line, "o,s=%u q=%ui,v=%.17g %lld\n",
                                     observation.series, static_cast<unsigned>(observation.quality),
                                     std::get<double>(observation.value),
                                     static_cast<long long>(observation.time));
      lines_.append(line, static_cast<std::size_t>(size));
    }
    http_->post("/write?db=b&precision=u", lines_, [](std::string_view) {});
  }
  double settle() override {  // the folder is the same for 5 s, after a minute at the latest
    const auto began = Steady::now();
    double changed = 0;
    std::uintmax_t last = bytes();
    while (us_since(began) < 60e6 && us_since(began) < (changed + 5) * 1e6) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const std::uintmax_t size = bytes();
      if (size != last) changed = us_since(began) / 1e6;
      last = size;
    }
    return changed;
  }
  Answer read(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    query("SELECT q, v FROM o" + where(series, from, to), [&](const char* line) {
      ++out.count;
      out.sum += std::strtod(column(line, 4), nullptr);
    });
    return out;
  }
  Answer plot(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    const auto width = std::max<base::DurationUs>(1, (to - from) / kBuckets);
    query("SELECT min(v), max(v), sum(v), count(v) FROM o" + where(series, from, to) +
              " GROUP BY time(" + std::to_string(width) + "u) fill(none)",
          [&](const char* line) {
            out.sum += std::strtod(column(line, 5), nullptr);
            out.count += std::strtod(column(line, 6), nullptr);
          });
    return out;
  }
  pid_t pid() const override { return server_->pid(); }

 private:
  std::unique_ptr<Child> start(int port) {
    const std::string config = folder_ + "/influxdb.conf";
    std::ofstream out(config);
    out << "reporting-disabled = true\nbind-address = \"127.0.0.1:" << free_port() << "\"\n"
        << "[meta]\ndir = \"" << folder_ << "/meta\"\n"
        << "[data]\ndir = \"" << folder_ << "/data\"\nwal-dir = \"" << folder_ << "/wal\"\n"
        << "query-log-enabled = false\ncache-snapshot-write-cold-duration = \"1s\"\n"
        << "compact-full-write-cold-duration = \"2s\"\n"
        << "[http]\nbind-address = \"127.0.0.1:" << port << "\"\nlog-enabled = false\n"
        << "max-body-size = 0\n[monitor]\nstore-enabled = false\n[logging]\nlevel = \"error\"\n";
    out.close();
    return std::make_unique<Child>(std::vector<std::string>{program(), "-config", config},
                                   folder_ + "/influxdb.log");
  }
  std::uintmax_t bytes() const {
    std::uintmax_t sum = 0;
    std::error_code gone;  // files go while they are listed
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_, gone))
      if (entry.is_regular_file(gone)) sum += entry.file_size(gone);
    return sum;
  }
  static std::string where(int series, base::TimeUs from, base::TimeUs to) {
    return " WHERE s='" + std::to_string(series) + "' AND time>=" + std::to_string(from) +
           "u AND time<" + std::to_string(to) + "u";
  }
  void query(const std::string& text, const std::function<void(const char*)>& row) {
    std::string escaped;
    char hex[4];
    for (const char c : text) {
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      escaped += hex;
    }
    Csv csv;
    http_->post("/query?db=b&epoch=u&chunked=true&chunk_size=10000&q=" + escaped, "",
                [&](std::string_view piece) { csv.take(piece, row); });
  }
  std::string folder_, lines_;
  int port_;
  std::unique_ptr<Child> server_;
  std::unique_ptr<Http> http_;
};

}  // namespace

std::string missing(const std::string& side) {
  if (side != "influxdb" || !program().empty()) return "";
  return std::string("no influxd at ") + kPrograms[0] + " or " + kPrograms[1];
}
std::unique_ptr<Engine> make_influxdb(const EngineOptions& options) {
  return std::make_unique<Influx>(options);
}

}  // namespace bench
