// From an MQTT message to a raised alert, at 1,000 messages a second.
//
//   bench_latency [FOLDER] [--seconds N] [--json]     FOLDER (build/bench-latency) is made, emptied
//
// Method: a real Mosquitto (its defaults, QoS 1, loopback); a publisher that sends one message a
// millisecond, open loop, to 100 topics in turn; the site's own parts on a real disk, wired as
// lander-site wires them: MQTT driver, intake, one threshold pipeline for each of 100 datastreams,
// core, store with a commit a second. Every 50th message is above its threshold (20 alarms a
// second, each cleared by the next message of its topic, so 40 durable alarm events a second). Each
// latency begins right before the publisher hands over its message:
//   decided   the pipeline signals
//   raised    the alarm with its evidence is in the book, about to be told; commit not counted
//   durable   it is committed with its evidence (SQLite, synchronous=FULL)
//   floor     in the same run, a libmosquitto subscriber in a thread of its own has that message
// The first two seconds are left out.
#include <mosquitto.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>

#include <nlohmann/json.hpp>

#include "base/yaml.h"
#include "measure.h"
#include "os/files.h"
#include "os/log.h"
#include "os/random.h"
#include "os/worker.h"
#include "site/core.h"
#include "site/drivers.h"
#include "site/intake.h"
#include "stream/pipeline.h"

namespace {

using namespace lander;
using bench::must;
using bench::Steady;
using nlohmann::json;

constexpr int kSensors = 100, kRate = 1000, kAlarmEvery = 50, kWarmUp = 2 * kRate;

std::string number(int n) { return (n < 10 ? "00" : n < 100 ? "0" : "") + std::to_string(n); }

// When each message was handed over, and what became of it. A message of an alarm is found again by
// its sensor: the next alarm of that sensor comes seconds later.
class Record {
 public:
  explicit Record(int messages) : published_(static_cast<std::size_t>(messages)) {}
  void published(int message) { published_[static_cast<std::size_t>(message)] = Steady::now(); }
  void add(std::vector<double>& to, int message) {
    const double us = bench::us_since(published_[static_cast<std::size_t>(message)]);
    const std::lock_guard lock(mutex_);
    if (message >= kWarmUp) to.push_back(us);
  }
  // The message that raised the alarm of this pipeline, "app/s042".
  int alarm_of(const std::string& pipeline) const {
    return raising_[std::atoi(pipeline.c_str() + std::strlen("app/s"))].load();
  }
  void raising(int message) { raising_[message % kSensors] = message; }

  std::vector<double> decided, raised, durable, floor;

 private:
  std::vector<Steady::time_point> published_;
  std::atomic<int> raising_[kSensors] = {};
  std::mutex mutex_;
};

// What Server is in lander-site, with clocks beside it.
class Site : public site::Shell {
 public:
  Site(const std::string& folder, Record& record)
      : record_(record),
        reader_("reader"),
        intake_(
            os::system_clock(),
            [this](const std::string& pipeline, const stream::Signal& signal) {
              signalled(pipeline, signal);
            },
            [this](base::ByteView content, std::string_view media_type) {
              return store_->put_object(content, media_type);
            }),
        drivers_(os::system_clock(), intake_, reader_, "bench") {
    store::Store::Options options;
    options.path = folder + "/site.db";
    options.clock = &os::system_clock();
    options.raw_lane = link::kLaneBulk;
    store_ = must(store::Store::open(options));
    core_ = must(site::Core::open({*store_, os::system_files(), os::system_clock(),
                                   os::system_random(), *this, folder, "local", "bench"},
                                  std::nullopt));
    worker_ = std::make_unique<os::Worker>(
        "core", 4096, [this] { commit_and_tick(); }, 50 * base::kMillisecond);
  }
  ~Site() override {
    drivers_.stop();
    worker_->post_urgent([this] { commit(); });
    worker_->stop();
  }
  void on_core(const std::function<void(site::Core&)>& work) {
    std::atomic<bool> done{false};
    worker_->post_urgent([&] {
      work(*core_);
      done = true;
    });
    bench::wait_until("the core answers", [&] { return done.load(); });
  }
  site::Intake::Stats stats() const { return intake_.stats(); }

  void run_sources(const std::vector<source::Config>& sources,
                   const std::vector<source::Bound>& bound) override {
    drivers_.run(sources, bound);
  }
  std::map<std::string, source::Health> source_health() const override { return drivers_.health(); }
  void install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                        std::vector<sensing::SeriesKey> series) override {
    intake_.install(std::move(id), std::move(pipeline), std::move(series));
  }
  void remove_pipeline(const std::string& id) override { intake_.remove(id); }
  std::map<std::string, site::Engine::PipelineHealth> pipeline_health() const override {
    return intake_.health();
  }
  void set_webhook(const std::optional<twin::Webhook>&) override {}
  void tell(const notify::Notice& notice) override {
    if (notice.event.kind == alert::EventKind::kRaise)
      record_.add(record_.raised, record_.alarm_of(notice.alert.info.rule));
  }
  void publish(std::string_view, std::string) override {}

 private:
  void signalled(const std::string& pipeline, const stream::Signal& signal) {
    const int message = record_.alarm_of(pipeline);
    if (signal.raise) record_.add(record_.decided, message);
    worker_->post_urgent([this, pipeline, signal, message] {
      core_->signal(pipeline, signal, intake_.uncommitted());
      if (signal.raise) record_.add(record_.durable, message);
    });
  }
  void commit_and_tick() {
    const base::DurationUs now = os::system_clock().monotonic_us();
    if (now >= next_commit_) {
      commit();
      next_commit_ = now + core_->commit_interval();
    }
    if (now >= next_tick_) {
      next_tick_ = now + base::kSecond;
      core_->tick();
    }
  }
  void commit() {
    const auto& observations = intake_.uncommitted();
    if (observations.empty()) return;
    while (!observations.empty()) {
      intake_.committed(must(core_->commit(observations), "commit"));
    }
    intake_.settle();
  }

  Record& record_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<site::Core> core_;
  os::Worker reader_;
  site::Intake intake_;
  site::Drivers drivers_;
  base::DurationUs next_commit_ = 0, next_tick_ = 0;
  std::unique_ptr<os::Worker> worker_;
};

std::string desired_yaml(int port) {
  std::string out =
      "sources:\n  - {id: broker, driver: mqtt, address: \"127.0.0.1:" + std::to_string(port) +
      "\"}\ndatastreams:\n";
  for (int s = 0; s < kSensors; ++s) {
    out += "  - {id: s" + number(s) + ", asset: plant/pump-" + number(s) +
           ", property: vibration, unit: mm/s, from: {source: broker, address: \"plant/" +
           number(s) + "#/value\", time: /time}}\n";
  }
  return out;
}

constexpr const char* kApp = R"(
ports:
  vibration: {property: vibration, unit: mm/s}
pipeline:
  - rule: {name: high, when: vibration > 7.1}
  - alert: {rule: high, title: High vibration, detail: "{vibration:.1f} mm/s", severity: high}
)";

void install_pipelines(Site& site, site::Core& core) {
  const auto spec = must(stream::Spec::parse(must(base::Yaml::parse(kApp, "app.yaml"))));
  for (int s = 0; s < kSensors; ++s) {
    const std::string id = "s" + number(s);
    const sensing::SeriesKey key = core.context().store.keys(id).back();
    const stream::BoundPort port{key, id, "mm/s", "plant/pump-" + number(s)};
    site.install_pipeline("app/" + id, must(stream::Pipeline::make(spec, {{"vibration", port}})),
                          {key});
    core.alarms().started("app/" + id);
  }
}

class Client {  // of libmosquitto, with its own thread
 public:
  explicit Client(int port, void* context = nullptr, const char* filter = nullptr,
                  void (*got)(mosquitto*, void*, const mosquitto_message*) = nullptr)
      : client_(mosquitto_new(nullptr, true, context)) {
    mosquitto_max_inflight_messages_set(client_, 0);
    mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
    if (got != nullptr) mosquitto_message_callback_set(client_, got);
    if (mosquitto_connect(client_, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS)
      bench::fail("mosquitto does not answer");
    mosquitto_loop_start(client_);
    if (filter != nullptr) mosquitto_subscribe(client_, nullptr, filter, 1);
  }
  ~Client() {
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, true);
    mosquitto_destroy(client_);
  }
  void publish(const std::string& topic, const std::string& payload) {
    mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                      payload.data(), 1, false);
  }

 private:
  mosquitto* client_;
};

void floor_got(mosquitto*, void* context, const mosquitto_message* message) {
  const std::string_view text(static_cast<const char*>(message->payload),
                              static_cast<std::size_t>(message->payloadlen));
  const auto at = text.find("\"n\":");
  auto& record = *static_cast<Record*>(context);
  const int n = std::atoi(text.data() + at + 4);
  if (n >= 0) record.add(record.floor, n);
}

std::string payload_of(int message, double value) {
  const auto now = os::system_clock().wall_us();
  char text[128];
  std::snprintf(text, sizeof text, "{\"value\":%.3f,\"time\":\"%s\",\"n\":%d}", value,
                base::to_rfc3339(now).c_str(), message);
  return text;
}

// One message a millisecond; behind schedule it catches up, as real senders do not wait either.
void publish_all(Client& publisher, Record& record, int messages) {
  const auto begin = Steady::now();
  // Message n is of sensor n % 100, so every 50th would always be one of the same two: the turn
  // moves on with each round.
  for (int n = 0; n < messages; ++n) {
    std::this_thread::sleep_until(begin + n * std::chrono::microseconds(1'000'000 / kRate));
    const int round = n / kSensors, place = n % kSensors;
    const bool raises = (place + round * 7) % kAlarmEvery == 0;
    const std::string text = payload_of(n, raises ? 9.5 : 3 + 0.01 * (n % 17));
    if (raises) record.raising(n);
    record.published(n);
    publisher.publish("plant/" + number(place), text);
  }
}

json numbers(const std::vector<double>& us) {
  return {{"alarms", us.size()},
          {"p50_ms", bench::percentile(us, 0.5) / 1e3},
          {"p99_ms", bench::percentile(us, 0.99) / 1e3},
          {"worst_ms", bench::percentile(us, 1) / 1e3}};
}

json measure(const std::string& folder, int seconds) {
  const int port = bench::free_port();
  const std::string conf =
      "listener " + std::to_string(port) + " 127.0.0.1\nallow_anonymous true\n";
  must(os::system_files().write_durably(folder + "/mosquitto.conf", base::as_bytes(conf)));
  const bench::Child broker({"mosquitto", "-c", folder + "/mosquitto.conf"}, folder + "/log");
  bench::wait_until("mosquitto listens", [&] { return bench::listens(port); });
  const int messages = kWarmUp + seconds * kRate;
  Record record(messages);
  Site site(folder, record);
  site.on_core([&](site::Core& core) {
    must(core.apply_yaml(desired_yaml(port), "bench.yaml", "bench", false));
    install_pipelines(site, core);
  });
  Client subscriber(port, &record, "plant/#", floor_got);
  Client publisher(port);
  // Connected, subscribed and working when a message has come through.
  bench::wait_until("the site listens", [&] {
    publisher.publish("plant/000", payload_of(-1, 3));
    return site.stats().accepted > 0;
  });
  publish_all(publisher, record, messages);
  bench::wait_until("all is durable", [&] { return site.stats().pending == 0; });
  std::size_t alarms = 0;
  site.on_core([&](site::Core& core) {
    for (const auto& stored : must(core.context().store.records(site::kAlertEventRecord)))
      alarms += must(alert::decode_event(stored.body)).kind == alert::EventKind::kRaise;
  });
  if (alarms < record.durable.size()) bench::fail("an alarm that was told is not stored");
  return {{"messages_per_s", kRate},
          {"seconds", seconds},
          {"refused", site.stats().refused},
          {"floor", numbers(record.floor)},
          {"decided", numbers(record.decided)},
          {"raised", numbers(record.raised)},
          {"durable", numbers(record.durable)}};
}

// What one durable write of a page into a file that has it already costs on this disk (as SQLite's
// log, once it has grown), at the rate of the alarms: no alarm can be durable sooner.
json fsync_alone(const std::string& folder) {
  constexpr int kWrites = 200;
  constexpr auto kEvery = std::chrono::microseconds(1'000'000 / kRate * kAlarmEvery / 2);
  std::vector<double> all;
  const int fd = ::open((folder + "/fsync").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string page(4096, 'x'), pages(kWrites * page.size(), 'x');
  if (::pwrite(fd, pages.data(), pages.size(), 0) < 0 || ::fsync(fd) != 0)
    bench::fail("the disk takes no pages");
  for (int i = 0; i < kWrites; ++i) {
    std::this_thread::sleep_for(kEvery);
    const auto begin = Steady::now();
    if (::pwrite(fd, page.data(), page.size(), i * 4096) < 0 || ::fdatasync(fd) != 0)
      bench::fail("the disk takes no page");
    all.push_back(bench::us_since(begin));
  }
  ::close(fd);
  json out = numbers(all);
  out.erase("alarms");
  return out;
}

void print(const json& result) {
  std::printf("%d messages/s for %d s\n", result["messages_per_s"].get<int>(),
              result["seconds"].get<int>());
  std::printf("%-10s %10s %10s %10s %10s %8s\n", "", "samples", "p50 ms", "p99 ms", "worst ms",
              "limit");
  for (const auto& [name, limit] : {std::pair("floor", ""),
                                    {"decided", ""},
                                    {"raised", "2"},
                                    {"durable", "20"},
                                    {"fsync", ""}}) {
    const json& row = result[name];
    std::printf("%-10s %10s %10.2f %10.2f %10.1f %8s\n", name,
                row.contains("alarms") ? row["alarms"].dump().c_str() : "",
                row["p50_ms"].get<double>(), row["p99_ms"].get<double>(),
                row["worst_ms"].get<double>(), limit);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "build/bench-latency";
  int seconds = 60;
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      as_json = true;
    else if (argument == "--seconds" && i + 1 < argc)
      seconds = std::atoi(argv[++i]);
    else
      folder = argument;
  }
  if (folder.starts_with("-") || seconds < 1) {
    std::fprintf(stderr, "usage: bench_latency [FOLDER] [--seconds N] [--json]\n");
    return 2;
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  os::set_log_level(os::Level::kWarn);
  mosquitto_lib_init();
  json result = measure(folder, seconds);
  result["fsync"] = fsync_alone(folder);
  std::filesystem::remove_all(folder);
  if (as_json)
    std::printf("%s\n", result.dump(2).c_str());
  else
    print(result);
  return 0;
}
