// 5,000 sites at one hub that may use one processor core.
//
//   bench_hub [FOLDER] [--sites N] [--seconds N] [--json]     FOLDER: build/bench-hub; is emptied
//
// Method: lander-hub, the program itself, pinned to the last core; on the others this program is
// the sites, each with a key and certificate of its own from the hub's enrolment (done by the hub's
// own code on its folder before it starts, not counted). Each site keeps one connection with mutual
// TLS and sends a heartbeat every 20 s: a signed and sealed bundle with its vitals, answered by
// one. Sends are due evenly over the 20 s, whatever the hub does; a latency begins when its
// heartbeat was due. "memory each" is the hub's resident set at the end, less that of a hub without
// sites, divided by the sites. Beside it, in the same run, what a Mosquitto takes for a connection
// with mutual TLS (which keeps nothing else of its client).
#include <openssl/ssl.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>

#include <nlohmann/json.hpp>

#include "access/access.h"
#include "carrier/carrier.h"
#include "hub/core.h"
#include "lake/lake.h"
#include "link/link.h"
#include "measure.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/log.h"
#include "os/random.h"
#include "trust/trust.h"

namespace {

using namespace lander;
using bench::must;
using bench::Steady;
using nlohmann::json;

constexpr const char* kTenant = "default";
constexpr auto kEvery = std::chrono::seconds(20);
constexpr std::size_t kThreads = 8;
constexpr int kBrokerClients = 500;

struct SiteKeys {
  std::string name, certificate_pem;
  link::Keys keys;
};

std::string read(const std::string& path) {
  return std::string(base::as_text(must(os::system_files().read(path, 1 << 16), path.c_str())));
}

hub::Keys hub_keys(const std::string& data) {
  const auto key = [&](const char* name) {
    return must(crypto::PrivateKey::from_pem(read(data + "/identity/" + name)), name);
  };
  return {key("tls.key"),
          key("signing.key"),
          key("sealing.key"),
          key("authority.key"),
          read(data + "/identity/tls.pem"),
          read(data + "/identity/authority.pem")};
}

SiteKeys enrol(hub::Core& core, const access::Scope& admin, int number) {
  SiteKeys site;
  site.name = "site-" + std::to_string(number);
  const auto token =
      must(trust::parse_token(must(core.admit(admin, site.name, base::kDay), "admit")));
  site.keys.signing = must(crypto::PrivateKey::generate(crypto::KeyType::kP256));
  site.keys.sealing = must(crypto::PrivateKey::generate(crypto::KeyType::kX25519));
  trust::EnrolRequest request{kTenant, site.name, token.secret, "",
                              site.keys.sealing.public_key().to_der()};
  crypto::Subject subject;
  subject.common_name = std::string(kTenant) + "/" + site.name;
  request.csr_pem = must(crypto::make_csr(site.keys.signing, subject));
  const auto reply = must(core.enrol(request), "enrol");
  site.certificate_pem = reply.certificate_pem;
  site.keys.peer_signing = must(crypto::PublicKey::from_der(reply.hub_signing_key_der));
  site.keys.peer_sealing = must(crypto::PublicKey::from_der(reply.hub_sealing_key_der));
  return site;
}

// As the hub itself would on the sites' requests, on the folder of a hub that is not running.
std::vector<SiteKeys> enrol_all(const std::string& data, int sites) {
  const auto state = must(hub::State::open(data + "/hub.db", "", 1));
  lake::Lake::Options lake_options;
  lake_options.folder = data + "/lake";
  const auto lake = must(lake::Lake::open(lake_options));
  hub::Core::Context context{*state,
                             *lake,
                             os::system_files(),
                             os::system_clock(),
                             os::system_random(),
                             data,
                             [](const std::string&, std::string_view, const std::string&) {},
                             [](const hub::SiteKey&, const alert::Event&, const alert::Alert&) {},
                             {}};
  const auto core = must(hub::Core::open(std::move(context), hub_keys(data)));
  const access::Scope admin{kTenant, "bench", access::Role::kAdmin};
  const auto root = must(crypto::PrivateKey::generate(crypto::KeyType::kEd25519));
  const auto document = must(trust::sign({1, os::system_clock().wall_us(), {}, {}}, root));
  must(core->set_trust(admin, root.public_key().to_der(), document), "trust");
  std::vector<SiteKeys> out;
  for (int i = 0; i < sites; ++i) out.push_back(enrol(*core, admin, i));
  return out;
}

// The simulated sites: a few threads, each with its share of connections.
class Fleet {
 public:
  Fleet(const std::vector<SiteKeys>& sites, int port, const std::string& hub_key_id)
      : sites_(sites) {
    for (const auto& site : sites) {
      const carrier::Peer peer{kTenant,
                               site.name,
                               "https://127.0.0.1:" + std::to_string(port),
                               hub_key_id,
                               site.certificate_pem,
                               site.keys.signing.to_pem()};
      carriers_.push_back(must(carrier::find_kind("https")->make({}, peer)));
    }
  }
  // Each once, as fast as the hub takes them.
  void connect_all() {
    in_threads([&](std::size_t first) {
      for (std::size_t i = first; i < sites_.size(); i += kThreads) beat(i);
    });
  }
  // What each heartbeat took, in microseconds from when it was due.
  std::vector<double> beat_for(std::chrono::seconds time) {
    std::vector<double> all;
    std::mutex mutex;
    const auto begin = Steady::now();
    const auto count = sites_.size() * static_cast<std::size_t>(time / kEvery);
    in_threads([&](std::size_t first) {
      std::vector<double> own;
      for (std::size_t n = first; n < count; n += kThreads) {
        const auto due = begin + n * std::chrono::nanoseconds(kEvery) / sites_.size();
        std::this_thread::sleep_until(due);
        beat(n % sites_.size());
        own.push_back(bench::us_since(due));
      }
      const std::lock_guard lock(mutex);
      all.insert(all.end(), own.begin(), own.end());
    });
    return all;
  }
  std::uint64_t failed() const { return failed_; }

 private:
  static void in_threads(const std::function<void(std::size_t)>& work) {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (auto& thread : threads) thread.join();
  }
  void beat(std::size_t i) {
    const SiteKeys& site = sites_[i];
    link::Bundle bundle;
    bundle.tenant = kTenant;
    bundle.site = site.name;
    bundle.epoch = i + 1;
    bundle.sent = os::system_clock().wall_us();
    bundle.sent_error = 1000;
    bundle.vitals = {{"load1", 0.4},     {"mem_total", 1e9}, {"mem_used", 3e8}, {"disk_total", 8e9},
                     {"disk_free", 4e9}, {"pss_bytes", 9e6}, {"uptime_s", 1e5}, {"backlog", 0}};
    const auto sealed = must(link::seal(bundle, site.keys), "seal");
    auto contact = carriers_[i]->exchange(sealed);
    const bool fine = contact.ok() && contact->received.size() == 1 &&
                      link::open(contact->received[0], site.keys, {kTenant, site.name, true}).ok();
    if (!fine && failed_++ == 0) {
      std::fprintf(stderr, "bench: %s: %s\n", site.name.c_str(),
                   contact.ok() ? "no answer in it" : contact.error().message().c_str());
    }
  }

  const std::vector<SiteKeys>& sites_;
  std::vector<std::unique_ptr<carrier::Carrier>> carriers_;
  std::atomic<std::uint64_t> failed_{0};
};

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    bench::fail("no connection to port " + std::to_string(port));
  return fd;
}

// Kilobytes that a Mosquitto takes for a client that it only keeps.
double mosquitto_kb_each(const std::string& folder, const std::string& data, const SiteKeys& site) {
  const int port = bench::free_port();
  const std::string identity = data + "/identity";
  const std::string certificate = folder + "/site.pem", key = folder + "/site.key";
  os::Files& files = os::system_files();
  must(files.write_durably(certificate, base::as_bytes(site.certificate_pem)));
  must(files.write_durably(key, base::as_bytes(site.keys.signing.to_pem())));
  must(files.write_durably(
      folder + "/mosquitto.conf",
      base::as_bytes("user root\nallow_anonymous true\nlistener " + std::to_string(port) +
                     " 127.0.0.1\ncafile " + identity + "/authority.pem\ncertfile " + identity +
                     "/tls.pem\nkeyfile " + identity + "/tls.key\nrequire_certificate true\n")));
  const bench::Child broker({"mosquitto", "-c", folder + "/mosquitto.conf"}, folder + "/log");
  bench::wait_until("mosquitto listens", [&] { return bench::listens(port); });
  const long before = broker.status_kb("VmRSS");
  std::vector<SSL*> clients;
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    bench::fail("OpenSSL does not take the site's certificate");
  for (int i = 0; i < kBrokerClients; ++i) {
    // MQTT 3.1.1, clean session, kept alive for 600 s, named "aaaa" and so on.
    std::string hello = {0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 2, 88, 0, 4};
    for (int part = i, letters = 0; letters < 4; ++letters, part /= 26)
      hello += static_cast<char>('a' + part % 26);
    char answer[4];
    SSL* client = SSL_new(context);
    SSL_set_fd(client, connect_to(port));
    if (SSL_connect(client) != 1 ||
        SSL_write(client, hello.data(), static_cast<int>(hello.size())) <= 0 ||
        SSL_read(client, answer, sizeof answer) != 4 || answer[3] != 0)
      bench::fail("mosquitto refuses: " + read(folder + "/log"));
    clients.push_back(client);
  }
  const long after = broker.status_kb("VmRSS");
  for (SSL* client : clients) {
    ::close(SSL_get_fd(client));
    SSL_free(client);
  }
  SSL_CTX_free(context);
  return static_cast<double>(after - before) / kBrokerClients;
}

struct HubProgram {
  int port = bench::free_port(), sites_port = bench::free_port();
  bench::Child child;
  double started_s;

  HubProgram(const std::string& data, const std::string& log, int core)
      : child({LANDER_PROGRAM, "run", "--data", data, "--listen", "127.0.0.1", "--port",
               std::to_string(port), "--sites-port", std::to_string(sites_port)},
              log, core) {
    const auto begin = Steady::now();
    bench::wait_until("the hub listens", [&] {
      if (!child.alive()) bench::fail("the hub ended:\n" + read(log));
      return bench::listens(sites_port);
    });
    started_s = bench::us_since(begin) / 1e6;
  }
  // Once it is quiet.
  long rest_kb() const {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    return child.status_kb("VmRSS");
  }
};

json measure(const std::string& folder, int sites, std::chrono::seconds time) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const std::string data = folder + "/hub", log = folder + "/hub.log";
  json out = {{"sites", sites}, {"seconds", time.count()}};
  long empty_kb = 0;
  {
    const HubProgram hub(data, log, cores - 1);
    empty_kb = hub.rest_kb();
  }
  out["empty_kb"] = empty_kb;
  const auto enrolled = enrol_all(data, sites);
  const std::string hub_key = hub_keys(data).tls.public_key().id();
  const HubProgram hub(data, log, cores - 1);
  out["start_s"] = hub.started_s;
  const auto each = [&](long kb) { return static_cast<double>(kb - empty_kb) / sites; };
  out["known_kb_each"] = each(hub.rest_kb());

  // This program needs as many descriptors as the hub, which sees to its own.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (cores > 1) {
    cpu_set_t others;
    CPU_ZERO(&others);
    for (int core = 0; core + 1 < cores; ++core) CPU_SET(core, &others);
    ::sched_setaffinity(0, sizeof others, &others);
  }
  Fleet fleet(enrolled, hub.sites_port, hub_key);
  auto begin = Steady::now();
  double cpu = hub.child.cpu_seconds();
  fleet.connect_all();
  out["connect_s"] = bench::us_since(begin) / 1e6;
  out["connect_cpu_s"] = hub.child.cpu_seconds() - cpu;
  if (fleet.failed() > 0) bench::fail(std::to_string(fleet.failed()) + " sites did not connect");

  begin = Steady::now();
  cpu = hub.child.cpu_seconds();
  const auto latencies = fleet.beat_for(time);
  out["cpu_share"] = (hub.child.cpu_seconds() - cpu) / (bench::us_since(begin) / 1e6);
  out["heartbeats"] = latencies.size();
  out["failed"] = fleet.failed();
  out["p50_ms"] = bench::percentile(latencies, 0.5) / 1e3;
  out["p99_ms"] = bench::percentile(latencies, 0.99) / 1e3;
  out["worst_ms"] = bench::percentile(latencies, 1) / 1e3;
  out["memory_kb"] = hub.child.status_kb("VmRSS");
  out["memory_most_kb"] = hub.child.status_kb("VmHWM");
  out["memory_kb_each"] = each(hub.child.status_kb("VmRSS"));
  out["mosquitto_kb_each"] = mosquitto_kb_each(folder, data, enrolled[0]);
  return out;
}

void print(const json& result) {
  const auto number = [&](const char* name) { return result[name].get<double>(); };
  std::printf("%.0f sites, a heartbeat each 20 s, for %.0f s: %.0f heartbeats, %.0f failed\n",
              number("sites"), number("seconds"), number("heartbeats"), number("failed"));
  std::printf(
      "  memory for each site       %8.1f kB   limit 50   (known, not connected: %.1f; "
      "Mosquitto's connection: %.1f)\n",
      number("memory_kb_each"), number("known_kb_each"), number("mosquitto_kb_each"));
  std::printf("  the hub as a whole         %8.0f kB   without sites %.0f\n", number("memory_kb"),
              number("empty_kb"));
  std::printf("  processor, of one core     %8.1f %%    limit 100\n", 100 * number("cpu_share"));
  std::printf("  heartbeat p50, p99, worst  %8.2f ms %8.2f ms %8.1f ms\n", number("p50_ms"),
              number("p99_ms"), number("worst_ms"));
  std::printf("  all connect at once        %8.1f s    %.1f s of processor\n", number("connect_s"),
              number("connect_cpu_s"));
  std::printf("  start with that many sites %8.2f s\n", number("start_s"));
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "build/bench-hub";
  int sites = 5000, seconds = 60;
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      as_json = true;
    else if (argument == "--sites" && i + 1 < argc)
      sites = std::atoi(argv[++i]);
    else if (argument == "--seconds" && i + 1 < argc)
      seconds = std::atoi(argv[++i]);
    else
      folder = argument;
  }
  if (folder.starts_with("-") || sites < 1 || seconds < kEvery.count()) {
    std::fprintf(stderr,
                 "usage: bench_hub [FOLDER] [--sites N] [--seconds N] [--json]   20 s at least\n");
    return 2;
  }
  folder = std::filesystem::absolute(folder);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  os::set_log_level(os::Level::kWarn);
  const json result = measure(folder, sites, std::chrono::seconds(seconds));
  std::filesystem::remove_all(folder);
  if (as_json)
    std::printf("%s\n", result.dump(2).c_str());
  else
    print(result);
  return 0;
}
